#pragma once

#include <vector>

#include "library.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/templates/zero_points.hpp"

namespace skyfold::lephare {

/// Shifts from the best model of each object at its known redshift, as one task. Bands that were not detected do not take part.
///
/// @param offset, error  added to the magnitudes, and to their errors in quadrature, mag, shape [bands]
[[nodiscard]] ZeroPointShifts learn_shifts(const std::vector<Model>& models, const std::vector<double>& z,
                                           const std::vector<double>& offset, const std::vector<double>& error, const TrainingSet& set,
                                           const ShiftRules& rules, TrainingTasks& tasks);

}  // namespace skyfold::lephare
