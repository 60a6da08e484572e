// Magnitudes to fluxes, by the rules of BPZ.
#include "fluxes.hpp"

#include <algorithm>
#include <cmath>

namespace skyfold::bpz {
namespace {

double flux_of(double magnitude) { return std::pow(10.0, -0.4 * magnitude); }

}  // namespace

MeasuredFlux detected_flux(const FluxRules& rules, std::size_t band, double mag, double mag_err, double shift) {
  const double flux = flux_of(mag + rules.offset[band] - shift);
  return {flux, flux * std::hypot(std::pow(10.0, 0.4 * std::max(mag_err, rules.least_mag_error)) - 1.0, rules.zero_point[band])};
}

MeasuredFlux undetected_flux(const FluxRules& rules, std::size_t band, double limit, double shift) {
  return {0.0, flux_of(limit + rules.offset[band] - shift) * std::hypot(1.0, 0.5 * rules.zero_point[band])};
}

}  // namespace skyfold::bpz
