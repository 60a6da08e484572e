#pragma once

#include <string>
#include <vector>

#include "skyfold/table/photometry.hpp"

namespace skyfold {

class OptionSet;

/// Columns that hold fluxes, or asinh magnitudes, in place of magnitudes; part of section `bands`.
struct FluxOptions {
  std::string flux, flux_error;        ///< patterns as those of BandOptions
  std::vector<double> flux_zeropoint;  ///< AB magnitude of a flux of 1: one for all bands or one per band; empty: by units or names
  std::vector<double> hyperbolic;      ///< softening b of each band: the magnitude columns hold asinh magnitudes

  /// The columns do not hold magnitudes as they are needed.
  [[nodiscard]] bool is_set() const noexcept { return !flux.empty() || !hyperbolic.empty(); }
};
void describe(OptionSet& option, FluxOptions& o);

/// How values of columns become magnitudes, all filled in; as it is recorded.
struct FluxScale {
  std::string flux, flux_error;   ///< patterns of the columns; flux "": the columns hold magnitudes
  std::vector<double> zeropoint;  ///< AB magnitude of a flux of 1, one per band
  std::vector<double> softening;  ///< one per band for asinh magnitudes (Lupton et al. 1999); empty: fluxes

  [[nodiscard]] bool is_set() const noexcept { return !flux.empty(); }
  /// "fluxes {band}_flux, zero point 31.4 mag"
  [[nodiscard]] std::string line() const;
};

/// Puts the names of fluxes in place of those of magnitudes, and the bands that a table has of them, where none are named. Throws
/// UsageError for options that exclude one another.
void take_flux_names(const FluxOptions& o, BandOptions& bands, const Schema& schema, const std::string& source);
/// Zero points as given, else by the units of the columns (nJy, uJy, mJy, Jy, nanomaggies), else by names of Rubin's tables. Throws
/// UsageError where none is known, or lists do not fit the bands.
/// @param guess  is given what was guessed, "" for nothing
[[nodiscard]] FluxScale flux_scale(const FluxOptions& o, const BandOptions& bands, const BandColumns& columns, const Schema& schema,
                                   const std::string& source, std::string& guess);

/// A magnitude with its error.
struct MeasuredMagnitude {
  double mag = 0.0, err = 0.0;
};
/// m = -2.5 log10 f + zeropoint with the error (2.5 / ln 10) e / f. A flux of 0 or less is a non-detection: `undetected`, with the
/// magnitude of its error in place of the error. NaN stays; an error that is not above 0 is not known (NaN).
[[nodiscard]] MeasuredMagnitude magnitude_of(double flux, double flux_error, double zeropoint) noexcept;
/// Likewise of an asinh magnitude m = -(2.5 / ln 10) (asinh(f / 2b) + ln b), Lupton, Gunn & Szalay 1999, AJ 118, 1406, equation 3.
[[nodiscard]] MeasuredMagnitude magnitude_of_asinh(double asinh_mag, double asinh_err, double softening) noexcept;

/// A flux below 0 as a magnitude that counts as not detected, so that codes which compare fluxes have it, and all others a non-detection:
/// `of_negative_flux` and -f / e (at most 1000, to 2e-4 in a column of f4).
inline constexpr double of_negative_flux = 2048.0;
[[nodiscard]] double magnitude_of_negative(double flux, double flux_error) noexcept;
/// f / e of such a magnitude, <= 0; 0 for all others.
[[nodiscard]] double negative_significance(double magnitude) noexcept;

}  // namespace skyfold
