#pragma once

#include <string>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold::lephare {

/// How much galaxies differ from templates.
struct TemplateError {
  double error = 0.0;       ///< mag
  double within = 0.0;      ///< weighted share of the objects whose redshift lies within the central 68 % of p(z) with it
  std::size_t objects = 0;  ///< that were looked at and have an estimate
  [[nodiscard]] std::string line() const;
};

/// The usual error where that is too little, or the sample too small; else the least error with which the central 68 % intervals of the
/// sample hold 68 % of its redshifts, between 0 and `greatest_template_error`, to 1 mmag, on at most 1,000 objects, evenly
/// chosen; as one task.
///
/// @param model  complete, with errors of zero points but for this one
[[nodiscard]] TemplateError learn_template_error(const PhotozModel& model, const TrainingSet& set, TrainingTasks& tasks);
inline constexpr double greatest_template_error = 0.5;

/// Errors of magnitudes with one more in quadrature, in the model's table of zero points.
void add_template_error(PhotozModel& model, double error);

}  // namespace skyfold::lephare
