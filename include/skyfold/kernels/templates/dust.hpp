#pragma once

#include <cstdint>

#include "skyfold/kernels/templates/curve.hpp"

namespace skyfold {

/// Laws of extinction: A(lambda) / E(B-V) by rest-frame wavelength.
enum class DustLaw : std::uint8_t {
  calzetti2000,  ///< starbursts, Calzetti et al. 2000, ApJ 533, 682, equation 4
  smc,           ///< power law through the Small Magellanic Cloud's curve of Prevot et al. 1984, A&A 132, 389: 1.39 (lambda / um)^-1.2
  galactic,      ///< Cardelli, Clayton & Mathis 1989, ApJ 345, 245, with O'Donnell 1994, ApJ 422, 158 in the optical; R_V = 3.1
};

/// Extinction in magnitudes for E(B-V) = 1. Beyond the range of a law its last slope goes on, not below 0.
[[nodiscard]] double extinction_curve(DustLaw law, double wavelength);
/// The spectrum behind dust of this E(B-V).
[[nodiscard]] Curve reddened(Curve sed, DustLaw law, double ebv);

}  // namespace skyfold
