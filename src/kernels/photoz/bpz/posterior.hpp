#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hills.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::bpz {

/// Fluxes of all models, [template][band][stride] with the redshifts of the grid and then zeros.
struct Models {
  std::size_t templates = 0, bands = 0, stride = 0;
  std::vector<double> z;
  AlignedVector<double> flux;
};

/// What is done with the probabilities of a grid.
struct Rules {
  bool is_marginalised = false;  ///< over the amplitude; else its best value is taken
  double smoothing = 0.03;       ///< width w of exp(-(x / w)^2), by which p(z) is convolved; 0: it is not
  double least_part = 0.01;      ///< of the peak: p(z) is 0 below
  double least_error = 0.05;     ///< of z / (1 + z): intervals are not narrower
  double odds_sigmas = 1.96;     ///< half width of the interval of odds, in units of the least error
};

/// Probabilities of the intervals that are given.
inline constexpr std::array<double, 4> interval_levels = {0.68, 0.90, 0.95, 0.99};

/// A second hill of p(z): its peak, the minima on either side of it, and its part of the probability of all hills.
struct SecondSolution {
  std::size_t z = 0, low = 0, high = 0, t = 0;  ///< places
  bool has_type = true;
  double probability = 0.0;
};

/// What is found about one object; places are those in the grid and in the list of templates.
struct Estimate {
  std::size_t z_b = 0, t_b = 0, z_ml = 0, t_ml = 0;
  bool has_type = true;  ///< false: no template has a probability at z_b, where smoothing alone has put the peak
  double odds = 0.0, chi2 = 0.0;
  std::array<std::array<double, 2>, interval_levels.size()> limits = {};
  std::optional<SecondSolution> second;  ///< none where p(z) has one hill
};

/// p(z) of an object by all models. One per thread.
class Posterior {
 public:
  Posterior(const Models& models, const Rules& rules);

  /// @param flux    observed, shape [bands]
  /// @param error   > 0, or 0 for a band that was not observed, shape [bands]
  /// @param priors  the logarithm of the prior of each template, rows of `stride` values; empty: none
  [[nodiscard]] Estimate estimate(std::span<const double> flux, std::span<const double> error, std::span<const double* const> priors);
  /// Probabilities of the last object at the points of the grid, sum 1.
  [[nodiscard]] std::span<const double> probability() const noexcept { return {p_.data() + margin_, models_.z.size()}; }

 private:
  void fit(std::span<const double> flux, std::span<const double> error, std::span<const double* const> priors, Estimate& e);
  void sum_templates();
  void smooth();
  void measure(Estimate& e);
  [[nodiscard]] std::array<double, 2> limits(double fraction, double z_b, double half_width) const;
  [[nodiscard]] std::optional<SecondSolution> second_solution();
  [[nodiscard]] std::size_t likeliest_type(std::size_t z) const noexcept;
  [[nodiscard]] double mass(double from, double to) const;

  const Models& models_;
  Rules rules_;
  std::vector<double> window_;
  std::size_t margin_ = 0;         ///< zeros before and after p_, as many as half of the window and more
  AlignedVector<double> chi2_;     ///< [stride] of one template
  AlignedVector<double> log_p_;    ///< [templates][stride]
  AlignedVector<double> p_, raw_;  ///< [margin + stride + margin]
  std::vector<double> cumulative_;
  std::vector<Hill> hills_;
  double greatest_ = 0.0;
};

}  // namespace skyfold::bpz
