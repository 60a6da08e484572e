// Noise of synthetic photometry: the relative flux error as a function of depth (Ivezic et al. 2019, ApJ 873, 111, eqs. 4 and 5),
// and what a pipeline reports of it.
#include "skyfold/kernels/mock/bands.hpp"

#include <cmath>
#include <numbers>

namespace skyfold {
namespace {

constexpr double mag_per_ln = 2.5 / std::numbers::ln10;  // magnitudes per natural logarithm of flux

}  // namespace

double relative_flux_error(double mag, double depth) noexcept {
  constexpr double gamma = 0.039, sigma_sys = 0.005;
  const double x = std::exp((mag - depth) / mag_per_ln);
  return std::sqrt(sigma_sys * sigma_sys + (0.04 - gamma) * x + gamma * x * x);
}

ObservedMagnitude measure(double mag, double depth, double deviate) noexcept {
  const double flux_err = relative_flux_error(mag, depth);  // in units of the true flux
  const double flux = 1.0 + flux_err * deviate;
  // S/N below 1.
  if (flux < flux_err) return non_detection;
  return {mag - mag_per_ln * std::log(flux), mag_per_ln * flux_err / flux};
}

}  // namespace skyfold
