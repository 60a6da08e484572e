#pragma once

#include "options.hpp"
#include "prior_training.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"
#include "skyfold/kernels/templates/zero_points.hpp"

namespace skyfold::bpz {

/// What a model learns from objects of known redshift; all templates with mixtures between them are `models`.
[[nodiscard]] ZeroPointShifts learn_shifts(const ModelFluxes& models, const FluxRules& rules, const TrainingSet& set,
                                           const ShiftRules& shifts, TrainingTasks& tasks);
/// @param of_type  templates of each type, without mixtures
[[nodiscard]] PriorFit learn_prior(const ModelFluxes& models, const FluxRules& rules, const TrainingSet& set, std::size_t prior_band,
                                   std::array<std::size_t, n_types> of_type, TrainingTasks& tasks);

}  // namespace skyfold::bpz
