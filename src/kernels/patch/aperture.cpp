// Aperture photometry with a background annulus (Planck 2013 results XXVIII, A&A 571, A28, section 2.2.1), also with pixels that
// count in part.
#include "skyfold/kernels/patch/aperture.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "skyfold/kernels/patch/statistics.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Weighted mean of some values and how well it is known: the effective number of values.
struct WeightedMean {
  double mean = nan, number = 0.0;
};

WeightedMean mean_of(std::span<const double> values, std::span<const double> weights) {
  double sum = 0.0, weight_sum = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (weights[i] == 0.0 || std::isnan(values[i])) continue;
    sum += weights[i] * values[i];
    weight_sum += weights[i];
    squares += weights[i] * weights[i];
  }
  if (weight_sum == 0.0) return {};
  return {sum / weight_sum, weight_sum * weight_sum / squares};
}

/// Standard deviation of the annulus about its mean, within [low, high].
struct Spread {
  double mean = nan, deviation = nan, number = 0.0;
};

Spread spread_of(std::span<const double> values, std::span<const double> weights, double low, double high) {
  double sum = 0.0, weight_sum = 0.0, weight_squares = 0.0;
  const auto counts = [&](std::size_t i) { return weights[i] > 0.0 && values[i] >= low && values[i] <= high; };  // false for NaN
  for (std::size_t i = 0; i < values.size(); ++i)
    if (counts(i)) sum += weights[i] * values[i], weight_sum += weights[i], weight_squares += weights[i] * weights[i];
  if (!(weight_sum > 1.0)) return {};
  Spread spread{sum / weight_sum, 0.0, weight_sum * weight_sum / weight_squares};
  double squares = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (counts(i)) squares += weights[i] * (values[i] - spread.mean) * (values[i] - spread.mean);
  spread.deviation = std::sqrt(squares / (weight_sum - 1.0));
  return spread;
}

Spread clipped_spread(std::span<const double> values, std::span<const double> weights, Spread spread) {
  constexpr int most_rounds = 20;
  for (int round = 0; round < most_rounds; ++round) {
    // Around the mean of the values that were left: clipping can only take away.
    const double width = 3.0 * spread.deviation;
    const Spread next = spread_of(values, weights, spread.mean - width, spread.mean + width);
    if (!(next.number < spread.number)) break;
    spread = next;
  }
  return spread;
}

double median_of(std::span<const double> values, std::span<const double> weights, std::vector<double>& scratch) {
  scratch.clear();
  for (std::size_t i = 0; i < values.size(); ++i)
    // A median knows no parts of pixels: those that are mostly inside count.
    if (weights[i] >= 0.5 && !std::isnan(values[i])) scratch.push_back(values[i]);
  return median_in_place(scratch);
}

/// Part of a Gaussian beam within k FWHM.
double gaussian_part(double k) { return 1.0 - std::exp2(-4.0 * k * k); }

}  // namespace

double beam_area_arcmin2(const Beam& beam) noexcept {
  if (beam.omega_arcmin2 > 0.0) return beam.omega_arcmin2;
  return std::numbers::pi / (4.0 * std::numbers::ln2) * beam.fwhm_arcmin * beam.fwhm_arcmin;
}

double aperture_correction(const Beam& beam, double k0, double k1, double k2) noexcept {
  const bool is_known =
      beam.omega_arcmin2 > 0.0 && beam.omega_1_arcmin2 > 0.0 && beam.omega_2_arcmin2 > 0.0 && k0 == 1.0 && k1 == 1.0 && k2 == 2.0;
  const double in = is_known ? beam.omega_1_arcmin2 / beam.omega_arcmin2 : gaussian_part(k0);
  const double inner = is_known ? in : gaussian_part(k1);
  const double outer = is_known ? beam.omega_2_arcmin2 / beam.omega_arcmin2 : gaussian_part(k2);
  return 1.0 / (in - (outer - inner) * k0 * k0 / (k2 * k2 - k1 * k1));
}

ApertureFlux aperture_flux(std::span<const double> values, std::span<const double> in_weight, std::span<const double> ring_weight,
                           const ApertureSetup& setup, std::vector<double>& scratch) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  const WeightedMean in = mean_of(values, in_weight);
  Spread ring = spread_of(values, ring_weight, -infinite, infinite);
  if (setup.background == Background::clipped) ring = clipped_spread(values, ring_weight, ring);
  const bool is_median = setup.background == Background::median;
  ApertureFlux result{nan, nan, is_median ? median_of(values, ring_weight, scratch) : ring.mean, ring.deviation};
  result.flux = setup.correction * (in.mean - result.background) * setup.area_sr;
  // The variance of a median is pi / 2 times that of the mean, for normal noise.
  const double f = is_median ? 0.5 * std::numbers::pi : 1.0;
  const double relative = setup.is_correlated ? setup.noise_beam_sr / setup.area_sr : 1.0 / in.number + f / ring.number;
  result.error = setup.correction * setup.area_sr * ring.deviation * std::sqrt(relative);
  return result;
}

}  // namespace skyfold
