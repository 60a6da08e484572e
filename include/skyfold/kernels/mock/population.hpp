#pragma once

#include <vector>

#include "skyfold/core/random.hpp"
#include "skyfold/kernels/mock/bands.hpp"
#include "skyfold/kernels/mock/options.hpp"

namespace skyfold {

/// An object before it is observed.
struct TrueObject {
  bool is_star = false;
  double redshift = 0.0;
  double type = 0.0;  ///< spectral type of a galaxy: 0 old and red .. 1 young and blue
  MockMagnitudes mag{};
};

/// Scale z0 of the redshift distribution p(z) ~ z^2 exp(-(z/z0)^1.5) (Smail, Ellis & Fitchett 1994, MNRAS 270,
/// 245) of galaxies of magnitude `i`.
[[nodiscard]] double redshift_scale(double i) noexcept;

/// Flux density per unit frequency of a galaxy, natural logarithm, any zero point.
///
/// @param angstrom  rest-frame wavelength, 500 .. 12,000
/// @param type      0 old and red .. 1 young and blue
[[nodiscard]] double log_spectrum(double angstrom, double type) noexcept;

/// Colours m_band - m_i of galaxies, computed once by integrating redshifted spectra, then interpolated.
class GalaxyColours {
 public:
  static constexpr double z_max = 4.0;

  GalaxyColours();
  /// @param redshift  0 .. z_max
  /// @param type      0 .. 1
  [[nodiscard]] MockMagnitudes operator()(double redshift, double type) const noexcept;

 private:
  std::vector<MockMagnitudes> grid_;  // [redshift][type]
};

/// Colours m_band - m_i of a main-sequence star of colour r - i.
[[nodiscard]] MockMagnitudes star_colours(double r_minus_i) noexcept;

/// The objects of the mock sky: who they are, and how bright in each band.
class Population {
 public:
  explicit Population(const MockOptions& options) : options_(options) {}
  /// Draws the next object from `random`.
  ///
  /// @param i_depth  5-sigma depth in the i band at its place: it decides how faint catalogued objects are
  [[nodiscard]] TrueObject draw(ObjectRandom& random, double i_depth) const noexcept;

 private:
  MockOptions options_;
  GalaxyColours colours_;
};

/// Slope of the galaxy counts, log10(N) per mag. The catalogue of a tile that is d mag deeper holds 10^(slope d)
/// times as many objects, so that the counts of bright ones do not depend on depth.
inline constexpr double count_slope = 0.33;

}  // namespace skyfold
