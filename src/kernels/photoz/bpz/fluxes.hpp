#pragma once

#include <cstddef>
#include <vector>

namespace skyfold::bpz {

/// How magnitudes become fluxes.
struct FluxRules {
  std::vector<double> offset;      ///< added to the magnitudes, shape [bands]
  std::vector<double> zero_point;  ///< its error as a part of the flux, added in quadrature, shape [bands]
  double least_mag_error = 0.001;
  bool has_flux_errors = false;  ///< errors are those of fluxes: dm = 2.5 / ln 10 e / f
};

struct MeasuredFlux {
  double flux = 0.0, error = 0.0;  ///< an error of 0: does not count
};

/// @param shift  taken off the magnitude, besides the rules' offset
[[nodiscard]] MeasuredFlux detected_flux(const FluxRules& rules, std::size_t band, double mag, double mag_err, double shift = 0.0);
/// A non-detection: the flux of the limit as its error, of which the flux is a part.
/// @param significance  flux over error, 0 where all that is known is the limit
[[nodiscard]] MeasuredFlux undetected_flux(const FluxRules& rules, std::size_t band, double limit, double significance = 0.0,
                                           double shift = 0.0);

}  // namespace skyfold::bpz
