#pragma once

namespace skyfold {

/// Densities in units of the critical one; what they lack of 1 is curvature.
struct Cosmology {
  double hubble = 70.0;  ///< km/s/Mpc
  double matter = 0.3, lambda = 0.7;
};

/// 5 log10 of the luminosity distance in units of 10 pc (Hogg 1999, astro-ph/9905116, equations 14 to 25, without radiation); -infinity at
/// z = 0, NaN where no distance is defined.
[[nodiscard]] double distance_modulus(const Cosmology& cosmology, double z);

}  // namespace skyfold
