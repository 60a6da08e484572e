// What a PDF says at the true redshift: probability integral transform, conditional density loss (Izbicki & Lee 2017), and the mass
// about the estimate. The density is linear between its grid points, and all integrals are exact for that.
#include "skyfold/kernels/validate/pdf_measures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "skyfold/core/error.hpp"

namespace skyfold::validation {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double reach = 8.0;  // in sigma: nothing of a Gaussian is left there in single precision

}  // namespace

GridDensity::GridDensity(std::vector<double> grid) : grid_(std::move(grid)) {
  bool increases = grid_.size() >= 2;
  for (std::size_t i = 1; i < grid_.size(); ++i) increases &= grid_[i] > grid_[i - 1];
  if (!increases || !std::isfinite(grid_.front()) || !std::isfinite(grid_.back()))
    throw DataError("the grid of the PDFs does not increase (or has fewer than two points)");
}

std::size_t GridDensity::cell_of(double z) const noexcept {
  const auto above = std::upper_bound(grid_.begin(), grid_.end(), z);
  const auto cell = above - grid_.begin() - 1;
  return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(cell, 0, std::ssize(grid_) - 2));
}

double GridDensity::mass_below(double z, std::span<const float> density, std::span<const double> cumulative) const noexcept {
  if (!(z > grid_.front())) return 0.0;
  if (z >= grid_.back()) return cumulative.back();
  const std::size_t i = cell_of(z);
  const double t = z - grid_[i], step = grid_[i + 1] - grid_[i], a = static_cast<double>(density[i]),
               b = static_cast<double>(density[i + 1]);
  return cumulative[i] + t * (a + 0.5 * (b - a) * t / step);
}

PdfMeasures GridDensity::measure(std::span<const float> density, double z_spec, double z_phot, double odds_width,
                                 std::vector<double>& cumulative) const {
  const PdfMeasures none{nan, nan, nan};
  cumulative.resize(grid_.size());
  cumulative[0] = 0.0;
  double square = 0.0;
  bool is_density = density[0] >= 0.0f;
  for (std::size_t i = 0; i + 1 < grid_.size(); ++i) {
    const double step = grid_[i + 1] - grid_[i], a = static_cast<double>(density[i]), b = static_cast<double>(density[i + 1]);
    is_density &= b >= 0.0;  // false for NaN
    cumulative[i + 1] = cumulative[i] + 0.5 * step * (a + b);
    square += step * (a * a + a * b + b * b) * (1.0 / 3.0);
  }
  const double total = cumulative.back();
  if (!is_density || !(total > 0.0) || !std::isfinite(square)) return none;
  // Off the grid the density is 0: a true redshift there costs the loss what it should, and the PIT is 0 or 1.
  double at_spec = 0.0;
  if (z_spec >= grid_.front() && z_spec <= grid_.back()) {
    const std::size_t i = cell_of(z_spec);
    const double t = (z_spec - grid_[i]) / (grid_[i + 1] - grid_[i]);
    at_spec = static_cast<double>(density[i]) + t * (static_cast<double>(density[i + 1]) - static_cast<double>(density[i]));
  }
  const double half_width = odds_width * (1.0 + z_phot);
  PdfMeasures measures;
  // Normalised here: files hold single precision, and PDFs of others may not have integral 1.
  measures.pit = std::min(mass_below(z_spec, density, cumulative) / total, 1.0);
  measures.cde = square / (total * total) - 2.0 * at_spec / total;
  measures.odds = (mass_below(z_phot + half_width, density, cumulative) - mass_below(z_phot - half_width, density, cumulative)) / total;
  return measures;
}

void evaluate_mixture(std::span<const double> weights, std::span<const double> means, std::span<const double> sigmas,
                      std::span<const double> grid, std::span<float> density) {
  double total = 0.0;
  std::fill(density.begin(), density.end(), 0.0f);
  for (std::size_t c = 0; c < weights.size(); ++c) {
    const double weight = weights[c], mean = means[c], sigma = sigmas[c];
    // Mixtures of fewer Gaussians than the file has room for are filled up with some of no weight.
    if (!(weight > 0.0) || !(sigma > 0.0) || !std::isfinite(mean)) continue;
    total += weight;
    const auto begin = std::lower_bound(grid.begin(), grid.end(), mean - reach * sigma);
    const auto end = std::upper_bound(begin, grid.end(), mean + reach * sigma);
    const double height = weight / (sigma * std::sqrt(2.0 * std::numbers::pi));
    for (auto z = begin; z != end; ++z) {
      const double t = (*z - mean) / sigma;
      density[static_cast<std::size_t>(z - grid.begin())] += static_cast<float>(height * std::exp(-0.5 * t * t));
    }
  }
  if (!(total > 0.0)) std::fill(density.begin(), density.end(), std::numeric_limits<float>::quiet_NaN());
}

PitHistogram pit_histogram(std::span<const double> pit, std::span<const double> weight, std::size_t bins) {
  PitHistogram histogram{std::vector<double>(bins, 0.0), std::vector<double>(bins, nan), 0};
  double total = 0.0;
  for (std::size_t i = 0; i < pit.size(); ++i) {
    if (std::isnan(pit[i])) continue;
    const double w = weight.empty() ? 1.0 : weight[i];
    // A PIT of 1 belongs to the last bin.
    const auto bin = static_cast<std::size_t>(std::clamp(pit[i], 0.0, 1.0) * static_cast<double>(bins));
    histogram.share[std::min(bin, bins - 1)] += w;
    total += w;
    ++histogram.n;
  }
  for (std::size_t k = 0; k < bins; ++k) {
    double& share = histogram.share[k];
    share = total > 0.0 ? share / total : nan;
    histogram.error[k] = std::sqrt(share * (1.0 - share) / static_cast<double>(histogram.n));
  }
  return histogram;
}

}  // namespace skyfold::validation
