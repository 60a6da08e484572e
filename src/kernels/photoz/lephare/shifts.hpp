#pragma once

#include <string>
#include <vector>

#include "library.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/templates/zero_points.hpp"

namespace skyfold::lephare {

/// What the objects of a sample say of zero points.
struct LearnedShifts {
  std::vector<double> shift;  ///< mag, to be taken off, shape [bands]
  std::string line, warning;  ///< see ZeroPointShifts
};

/// Shifts from the best model of each object at its known redshift, as one task. Bands that were not detected do not take part.
///
/// @param offset, error  added to the magnitudes, and to their errors in quadrature, mag, shape [bands]
[[nodiscard]] LearnedShifts learn_shifts(const std::vector<Model>& models, const std::vector<double>& z, const std::vector<double>& offset,
                                         const std::vector<double>& error, const TrainingSet& set, const std::vector<std::string>& bands,
                                         const ShiftRules& rules, TrainingTasks& tasks);

}  // namespace skyfold::lephare
