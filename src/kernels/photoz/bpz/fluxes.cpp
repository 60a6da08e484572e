// Magnitudes to fluxes, by the rules of BPZ.
#include "fluxes.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace skyfold::bpz {
namespace {

double flux_of(double magnitude) { return std::pow(10.0, -0.4 * magnitude); }

}  // namespace

MeasuredFlux detected_flux(const FluxRules& rules, std::size_t band, double mag, double mag_err, double shift) {
  const double flux = flux_of(mag + rules.offset[band] - shift), error = std::max(mag_err, rules.least_mag_error);
  const double part = rules.has_flux_errors ? error * (std::numbers::ln10 / 2.5) : std::pow(10.0, 0.4 * error) - 1.0;
  return {flux, flux * std::hypot(part, rules.zero_point[band])};
}

MeasuredFlux undetected_flux(const FluxRules& rules, std::size_t band, double limit, double significance, double shift) {
  const double error = flux_of(limit + rules.offset[band] - shift);
  return {significance * error, error * std::hypot(1.0, 0.5 * rules.zero_point[band])};
}

}  // namespace skyfold::bpz
