// What absolute magnitudes need besides the best model: distances, and the band whose measurement they are tied to.
#include "absolute.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skyfold::lephare {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double magnitude_of(double flux) { return flux > 0.0 ? -2.5 * std::log10(flux) : infinity; }

/// Greatest less least difference of rest and observed magnitude among models; infinite where one of them is dark.
double spread(const std::vector<double>& rest, const std::vector<double>& observed) {
  double least = infinity, greatest = -infinity;
  for (std::size_t model = 0; model < rest.size(); ++model) {
    const double difference = rest[model] - observed[model];
    if (!std::isfinite(difference)) return infinity;
    least = std::min(least, difference);
    greatest = std::max(greatest, difference);
  }
  return greatest - least;
}

std::vector<std::size_t> nearest_bands(const std::vector<Model>& models, const Grid& grid) {
  std::vector<std::vector<double>> rest(grid.bands, std::vector<double>(models.size()));
  for (std::size_t band = 0; band < grid.bands; ++band)
    for (std::size_t model = 0; model < models.size(); ++model) rest[band][model] = magnitude_of(models[model].rest[band]);
  std::vector<std::size_t> nearest;
  std::vector<std::vector<double>> observed = rest;
  for (std::size_t i = 0; i < grid.z.size(); ++i) {
    for (std::size_t band = 0; band < grid.bands; ++band)
      for (std::size_t model = 0; model < models.size(); ++model)
        observed[band][model] = magnitude_of(grid.flux[(model * grid.bands + band) * grid.stride + i]);
    for (std::size_t band = 0; band < grid.bands; ++band) {
      std::vector<double> spreads;
      for (std::size_t from = 0; from < grid.bands; ++from) spreads.push_back(spread(rest[band], observed[from]));
      nearest.push_back(static_cast<std::size_t>(std::ranges::min_element(spreads) - spreads.begin()));
    }
  }
  return nearest;
}

}  // namespace

SmoothDistance::SmoothDistance(const Cosmology& cosmology, double z_max) {
  const auto steps = static_cast<std::size_t>(std::ceil(z_max / step)) + 1;
  for (std::size_t i = 0; i <= steps; ++i) {
    const double z = std::max(static_cast<double>(i) * step, 1e-6);  // at 0 by Hubble's law
    without_log_.push_back(distance_modulus(cosmology, z) - 5.0 * std::log10(z));
  }
}

double SmoothDistance::modulus(double z) const noexcept {
  const double place = std::clamp(z / step, 0.0, static_cast<double>(without_log_.size() - 1));
  const auto below = std::min(static_cast<std::size_t>(place), without_log_.size() - 2);
  const double part = place - static_cast<double>(below);
  return 5.0 * std::log10(z) + (1.0 - part) * without_log_[below] + part * without_log_[below + 1];
}

std::vector<std::size_t> bands_of_absolute(const Options& o, const std::vector<std::string>& bands, const std::vector<Model>& models,
                                           const Grid& grid) {
  if (o.absolute_from == "template") return {};
  if (o.absolute_from == "nearest") return nearest_bands(models, grid);
  const std::size_t fixed = o.absolute_from == "fixed" ? band_of("lephare.absolute_reference", o.absolute_reference, bands) : 0;
  std::vector<std::size_t> from;
  for (std::size_t i = 0; i < grid.z.size(); ++i)
    for (std::size_t band = 0; band < grid.bands; ++band) from.push_back(o.absolute_from == "fixed" ? fixed : band);
  return from;
}

}  // namespace skyfold::lephare
