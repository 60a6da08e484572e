#pragma once

#include "skyfold/kernels/templates/curve.hpp"

namespace skyfold {

/// Magnitudes of a spectrum at rest through boxes like GALEX NUV (1771-2831 angstrom), r (5500-7000) and K (20000-23200), on any scale; the
/// reddest edge of K is where built-in spectra still shine. NaN for one that is dark there.
struct RestMagnitudes {
  double nuv, r, k;
};
[[nodiscard]] RestMagnitudes rest_magnitudes(const Curve& sed);

/// Whether a galaxy of this spectrum forms stars, so that its hydrogen shines: NUV - r < 4.
[[nodiscard]] bool has_lines(const RestMagnitudes& rest);
/// The spectrum with emission lines. H alpha has the flux 10^(-0.4 NUV - 6.224) for the spectrum's magnitude NUV (Kennicutt 1998, ARA&A 36,
/// 189, both for one rate of star formation), others a fixed part of it (Ilbert et al. 2009, ApJ 690, 1236): [OII] 1 / 1.77, [OIII] 0.36,
/// H beta 0.61 and Lyman alpha 2 of [OII]. Lines are Gaussians of 300 km/s; they belong behind the dust of the galaxy.
///
/// @param strength  factor to all lines; 0: none
[[nodiscard]] Curve with_lines(const Curve& sed, double strength);

}  // namespace skyfold
