#pragma once

#include <cstddef>
#include <cstring>

#include "../common/simd.hpp"

namespace skyfold {

SKYFOLD_INLINE Lanes load(const double* at) {
  Lanes lanes;
  std::memcpy(&lanes, at, sizeof lanes);
  return lanes;
}
SKYFOLD_INLINE void store(double* at, const Lanes& lanes) { std::memcpy(at, &lanes, sizeof lanes); }

/// FOT and FTT of a template: sums over the bands of f F / e^2 and F^2 / e^2, at some redshifts.
struct FluxProducts {
  Lanes ot = {}, tt = {};
};
/// At the lanes from redshift i on; arguments as for chi2_of.
SKYFOLD_INLINE FluxProducts flux_products(const double* model, std::size_t bands, std::size_t stride, const double* fot, const double* ftt,
                                          std::size_t i) {
  FluxProducts sum;
  for (std::size_t band = 0; band < bands; ++band) {
    const Lanes flux = load(model + band * stride + i);
    sum.ot += flux * fot[band];
    sum.tt += flux * flux * ftt[band];
  }
  return sum;
}

/// chi2 = FOO - FOT^2 / FTT of a template with its best amplitude at each redshift, the least one returned. A negative amplitude counts as
/// none.
///
/// @param model     fluxes, [bands][stride], stride a multiple of the lanes; dark where there is no model
/// @param fot, ftt  f / e^2 and 1 / e^2 of each band; 0 for one that was not observed
/// @param foo       sum of f^2 / e^2
/// @param with_ftt  log_p is that of all amplitudes, else of the best
/// @param chi2, log_p  are given, [stride]
[[nodiscard]] double chi2_of(const double* model, std::size_t bands, std::size_t stride, const double* fot, const double* ftt, double foo,
                             bool with_ftt, double* chi2, double* log_p);

}  // namespace skyfold
