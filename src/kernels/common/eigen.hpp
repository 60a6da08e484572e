#pragma once

// The one way to Eigen. Its own threads would change how sums are cut, so that results would depend on how many there are; and their
// number is one for the whole process, which tasks of a training would set at the same time.
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Dense>
