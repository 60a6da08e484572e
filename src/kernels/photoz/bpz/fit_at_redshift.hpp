#pragma once

#include <span>
#include <vector>

#include "fluxes.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"
#include "skyfold/kernels/templates/zero_points.hpp"

namespace skyfold::bpz {

/// Fits all models at the redshift of a training object, between the points of the grid linearly. One for each thread.
class FitAtRedshift final : public KnownRedshiftFit {
 public:
  /// All must outlive it.
  FitAtRedshift(const ModelFluxes& models, const FluxRules& rules, const TrainingSet& set);

  void fit(std::size_t object, std::span<const double> shift, std::span<double> model) override;
  /// chi2 of all templates with the best amplitude; empty for an object without a detection, or beyond the grid.
  [[nodiscard]] std::span<const double> chi2(std::size_t object, std::span<const double> shift);

 private:
  [[nodiscard]] bool take(std::size_t object, std::span<const double> shift);

  const ModelFluxes& models_;
  const FluxRules& rules_;
  const TrainingSet& set_;
  std::vector<double> flux_, weight_;     ///< of the object, [bands]
  std::vector<double> model_;             ///< fluxes at its redshift, [templates][bands]
  std::vector<double> chi2_, amplitude_;  ///< [templates]
  double scale_ = 0.0;                    ///< brightest flux
};

}  // namespace skyfold::bpz
