#pragma once

#include <array>
#include <cstddef>

namespace skyfold {

/// A band of the mock survey.
struct MockBand {
  const char* name;
  double low_angstrom, high_angstrom;  ///< half-power limits of the transmission
  double depth;                        ///< median magnitude with S/N = 5, AB
  double unobserved;                   ///< part of the tiles without an exposure in this band
  const char* ucd;                     ///< part of the spectrum, UCD1+
};

inline constexpr std::size_t mock_band_count = 5;
inline constexpr std::size_t mock_i_band = 2;  ///< the band that objects are detected in

/// DES Y1: DECam's limits; the depths are 10-sigma limits for galaxies of 23.4, 23.2, 22.5, 21.8, 20.1
/// (Drlica-Wagner et al. 2018, ApJS 235, 33, abstract) plus 2.5 log10(2).
inline constexpr std::array<MockBand, mock_band_count> mock_bands = {{
    {"g", 4000.0, 5500.0, 24.15, 0.01, "em.opt.B"},
    {"r", 5680.0, 7160.0, 23.95, 0.01, "em.opt.R"},
    {"i", 7070.0, 8560.0, 23.25, 0.00, "em.opt.I"},
    {"z", 8500.0, 10000.0, 22.55, 0.01, "em.opt.I"},
    {"Y", 9500.0, 10700.0, 20.85, 0.03, "em.IR.J"},
}};

/// One value per band, in the order of `mock_bands`.
using MockMagnitudes = std::array<double, mock_band_count>;

/// What the catalogue says of one band of one object.
struct ObservedMagnitude {
  double mag = 0.0, mag_err = 0.0;
};
inline constexpr ObservedMagnitude non_detection = {99.0, 99.0};  ///< S/N < 1
inline constexpr ObservedMagnitude no_exposure = {-99.0, -99.0};  ///< no exposure

/// Relative flux error of an object of magnitude `mag` where S/N = 5 is reached at `depth`:
/// sigma^2 = sigma_sys^2 + (0.04 - gamma) x + gamma x^2, x = 10^(0.4 (mag - depth)), gamma = 0.039,
/// sigma_sys = 0.005 (Ivezic et al. 2019, ApJ 873, 111, eqs. 4 and 5, there in magnitudes).
[[nodiscard]] double relative_flux_error(double mag, double depth) noexcept;

/// Observes an object once: noise is Gaussian in flux.
///
/// @param deviate  standard normal deviate of this object and band
/// @returns magnitude and error 2.5 / ln 10 / (S/N); `non_detection` when the measured S/N is below 1
[[nodiscard]] ObservedMagnitude measure(double mag, double depth, double deviate) noexcept;

}  // namespace skyfold
