#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quantities.hpp"
#include "skyfold/kernels/patch/aperture.hpp"
#include "skyfold/kernels/patch/patch_kernel.hpp"
#include "skyfold/kernels/patch/stamp.hpp"

namespace skyfold {

/// What the fluxes of a map need, worked out once.
struct FluxSetup {
  ApertureSetup aperture;
  double fwhm = 0.0, sigma = 0.0;                                                                        ///< of the beam, radians
  double in_radius = 0.0, inner_radius = 0.0, outer_radius = 0.0, psf_radius = 0.0, gauss_radius = 0.0;  ///< radians
  double beam_sr = 0.0;                                                                                  ///< solid angle of the beam
  double jy_per_sr = 0.0;                                                                                ///< Jy/sr of one map unit
};
[[nodiscard]] FluxSetup flux_setup(const PatchMap& map, const PatchOptions& o);

/// Buffers of the fluxes of one source; they keep their capacity.
struct FluxScratch {
  std::vector<double> in_weight, inner_weight, ring_weight;  ///< of all pixels of a stamp
  std::vector<double> x, y, beam, value, q, u, weight;       ///< of the pixels that a fit uses
  std::vector<double> sorted;
};

/// Values of a stamp's pixels; NaN where missing. Empty spans: not there.
struct StampValues {
  std::span<const double> intensity, q, u, variance;
};

/// Sets the quantities of aperture photometry, or a flag.
void measure_aperture(const Stamp& stamp, const Vector3& centre, const StampValues& values, const CircleWeights& circles,
                      const FluxSetup& setup, double min_coverage, FluxScratch& scratch, Measurements& m);
void measure_psf(const Stamp& stamp, const StampValues& values, const FluxSetup& setup, double min_coverage, FluxScratch& scratch,
                 Measurements& m);
void measure_gauss(const Stamp& stamp, const StampValues& values, const FluxSetup& setup, const PatchOptions& o, FluxScratch& scratch,
                   Measurements& m);
/// Q and U are turned into the source's axes pixel by pixel before the beam is fitted to each.
void measure_polarisation(const Stamp& stamp, const StampValues& values, bool is_iau, const FluxSetup& setup, double min_coverage,
                          FluxScratch& scratch, Measurements& m);

/// Adds a bit to the flags of the measurements.
inline void set_flag(Measurements& m, PatchFlag flag) { m[q_flags] = static_cast<double>(static_cast<int>(m[q_flags]) | flag); }

}  // namespace skyfold
