#pragma once

#include <memory>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// One function per algorithm, each defined in the algorithm's own file.
[[nodiscard]] std::unique_ptr<PhotozAlgorithm> make_dnf();
[[nodiscard]] std::unique_ptr<PhotozAlgorithm> make_knn();

}  // namespace skyfold
