#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/kernels/templates/curve.hpp"

namespace skyfold {

/// What lies between a source and us, by observed wavelength.
enum class Igm : std::uint8_t { none, madau1995 };

/// Photons counted through a filter, as the flux density of AB magnitudes (Bessell & Murphy 2012, PASP 124, 140, equation A15):
/// F = int f_lambda(lam / (1 + z)) IGM(lam, z) T lam dlam / (c int T dlam / lam), with f_lambda not dimmed by distance or 1 + z.
///
/// Exact for curves that are linear between their points. A spectrum that ends within a filter goes on as the line through its last five
/// points, not below 0; blueward of its first point it is 0.
[[nodiscard]] double band_flux(const Curve& sed, const Curve& filter, double z, Igm igm = Igm::none);
/// -2.5 log10(F) - 48.60 of a spectrum in erg / s / cm^2 / angstrom.
[[nodiscard]] double ab_magnitude(const Curve& sed, const Curve& filter);

/// Optical depth of hydrogen clouds before a source at z, Madau 1995, ApJ 441, 18: Lyman alpha to delta blanketing, and the continuum by
/// the approximation of its footnote 3; blueward of its maximum it stays there, as the approximation is none there.
class MadauDepth {
 public:
  explicit MadauDepth(double z);
  [[nodiscard]] double operator()(double wavelength) const noexcept;  ///< observed wavelength in angstrom

 private:
  [[nodiscard]] double unclamped(double wavelength) const noexcept;
  double y_, at_most_ = 0.0, greatest_ = 0.0;  ///< 1 + z; wavelength of the maximum; the maximum
};

/// Fluxes of all templates, filters and redshifts, [template][band][z].
struct ModelFluxes {
  std::size_t templates = 0, bands = 0;
  std::vector<double> z;
  std::vector<double> flux;  ///< any scale, the same for all
};
/// @param threads  the result does not depend on it
[[nodiscard]] ModelFluxes model_fluxes(std::span<const Curve> seds, std::span<const Curve> filters, std::vector<double> z, Igm igm,
                                       int threads);
/// With `n` linear mixtures between each template and the next.
[[nodiscard]] ModelFluxes interpolated(const ModelFluxes& models, std::size_t n);

}  // namespace skyfold
