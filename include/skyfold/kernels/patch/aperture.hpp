#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace skyfold {

/// The beam of a map.
struct Beam {
  double fwhm_arcmin = 0.0;      ///< effective: of the Gaussian with the beam's solid angle
  double omega_arcmin2 = 0.0;    ///< solid angle; NaN: of the Gaussian
  double omega_1_arcmin2 = 0.0;  ///< of the part within 1 FWHM; NaN: of the Gaussian
  double omega_2_arcmin2 = 0.0;  ///< within 2 FWHM; NaN: of the Gaussian
};

/// Solid angle of the beam, arcmin^2.
[[nodiscard]] double beam_area_arcmin2(const Beam& beam) noexcept;

/// Flux of a point source over the flux in an aperture of k0 FWHM above the background in an annulus from k1 to k2 FWHM
/// (Planck 2013 results XXVIII, A&A 571, A28, section 2.2.1):
/// C = Omega_B / (Omega_B(k0) - (Omega_B(k2) - Omega_B(k1)) k0^2 / (k2^2 - k1^2)).
/// Areas within 1 and 2 FWHM are the beam's own for (k0, k1, k2) = (1, 1, 2), a Gaussian's for other radii.
[[nodiscard]] double aperture_correction(const Beam& beam, double k0, double k1, double k2) noexcept;

enum class Background { median, mean, clipped };

/// What aperture photometry of a map needs to know, the same for all sources.
struct ApertureSetup {
  Background background = Background::median;
  bool is_correlated = false;  ///< noise that is correlated over a beam
  double area_sr = 0.0;        ///< of the aperture
  double noise_beam_sr = 0.0;  ///< 1.13 FWHM^2, for correlated noise
  double correction = 1.0;
};

struct ApertureFlux {
  double flux = 0.0, error = 0.0;  ///< map unit x sr
  double background = 0.0;         ///< map unit
  double noise = 0.0;              ///< standard deviation of the annulus, map unit
};

/// Flux above the background: correction x (mean in the aperture - background) x area. The mean times the true area stands
/// for the sum over pixels times the pixels' area, which jitters with the number of pixel centres that fall inside.
/// The error is that of the spec of APERFLUX: sigma sqrt(N_in + f N_in^2 / N_annulus) Omega_pix, f = pi/2 for the median and 1
/// for the mean, or sigma N_in / sqrt(N_beams) Omega_pix for correlated noise; with weights, (sum w)^2 / sum w^2 stands for N.
///
/// @param values      of all pixels, NaN where missing, shape [n]
/// @param in_weight   of the pixels in the aperture, 0 outside, shape [n]
/// @param ring_weight of the pixels in the annulus, 0 outside, shape [n]
/// @returns NaN without values in the aperture or with fewer than two in the annulus
[[nodiscard]] ApertureFlux aperture_flux(std::span<const double> values, std::span<const double> in_weight,
                                         std::span<const double> ring_weight, const ApertureSetup& setup, std::vector<double>& scratch);

}  // namespace skyfold
