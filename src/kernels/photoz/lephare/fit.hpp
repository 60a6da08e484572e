#pragma once

#include <array>
#include <limits>
#include <span>
#include <vector>

#include "library.hpp"
#include "prior.hpp"

namespace skyfold::lephare {

/// Fluxes of models, [model][band][stride] with the redshifts of the grid and then zeros.
struct Grid {
  std::size_t models = 0, bands = 0, stride = 0;
  std::vector<double> z;
  AlignedVector<double> flux;
};
[[nodiscard]] Grid grid_from(const std::vector<Model>& models, std::size_t bands, std::vector<double> z);

/// What an object says. Fluxes are 10^(-0.4 m).
struct Observed {
  std::vector<double> flux, error;  ///< an error of 0: the band does not count; shape [bands]
  std::vector<double> limit;        ///< no model may be brighter; infinity: none; shape [bands]
  bool has_limits = false;
};

/// Between which flux in one band, at rest and 10 pc away times the square of its distance, a galaxy must be, at each redshift.
struct AbsoluteLimits {
  std::vector<double> rest;           ///< flux of each model at rest in the band; empty: no limits
  AlignedVector<double> least, most;  ///< [stride]
};
/// @param magnitudes  brightest and faintest
[[nodiscard]] AbsoluteLimits absolute_limits(const std::vector<Model>& models, std::size_t band, std::array<double, 2> magnitudes,
                                             const Cosmology& cosmology, const Grid& grid);

/// The best model of an object.
struct Best {
  bool is_there = false;  ///< false: limits reject all models
  std::size_t model = 0, at = 0;
  double chi2 = 0.0;   ///< without the prior
  double scale = 0.0;  ///< of the model's fluxes
  double z = 0.0;      ///< of the least chi-square between the points of the grid
};
inline constexpr std::array<double, 3> delta_chi2 = {1.0, 2.71, 6.63};
inline constexpr std::array<double, 3> credible = {0.68, 0.90, 0.99};

/// Compares an object with all models. One per thread.
class Fit {
 public:
  /// Both must outlive it.
  Fit(const Grid& grid, const AbsoluteLimits& limits);

  /// @param prior  with its object set, and the type of each model; nullptr: none
  [[nodiscard]] Best best(const Observed& object, const RedshiftPrior* prior, std::span<const std::size_t> types);
  /// Redshifts where the least chi2 of all models is greater by so much, the outermost ones.
  [[nodiscard]] std::array<double, 2> interval(double delta) const;
  /// p at the points of the grid, sum 1, of all models or of the best at each redshift.
  [[nodiscard]] std::span<const double> probability(bool of_all);

 private:
  void take_vertex();

  const Grid& grid_;
  const AbsoluteLimits& limits_;
  std::vector<double> fot_, ftt_, rejecting_;
  double scale_ = 1.0;
  AlignedVector<double> chi2_;      ///< with the prior, [models][stride]
  AlignedVector<double> least_;     ///< of all models, [stride]
  AlignedVector<double> no_prior_;  ///< 0 at the points of the grid, then infinity, [stride]
  AlignedVector<double> p_;
  std::size_t at_ = 0;
  double vertex_z_ = 0.0, vertex_chi2_ = 0.0, curvature_ = 0.0;  ///< of the parabola; chi2 per step squared, 0: none
};

/// Integral of the polygon through p by trapezes, to each point of the grid; 1 at the last.
void fill_cumulative(std::span<const double> p, std::vector<double>& cumulative);
/// Where it is q, linear between the points.
[[nodiscard]] double quantile_of(std::span<const double> z, std::span<const double> cumulative, double q);

}  // namespace skyfold::lephare
