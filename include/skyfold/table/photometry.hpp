#pragma once

#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

class OptionSet;

/// Bands of a survey and how their columns are called; section `bands` of the configuration.
struct BandOptions {
  std::vector<std::string> bands;                   ///< names as in the survey, in order of wavelength
  std::string magnitude;                            ///< column pattern, {band} or {BAND} (upper case) replaced
  std::string error;                                ///< column pattern of the magnitude errors
  std::vector<double> nondetection = {99.0, 37.5};  ///< magnitudes that mean "observed, not detected" (+-0.1)
  std::vector<double> missing = {-99.0};            ///< magnitudes that mean "not observed" (+-0.1)
  std::string nan = "missing";                      ///< what NaN means: missing or nondetection
  std::string inf = "nondetection";                 ///< what infinity means
  std::vector<double> limits;                       ///< limiting magnitudes per band; empty: from the training set
};
void describe(OptionSet& option, BandOptions& o);

/// State of one band of one object.
enum class BandState : std::uint8_t { observed, not_detected, not_observed };

/// Names the state of a magnitude: NaN, < -90 or a `missing` value is not observed; > 90 or a `nondetection`
/// value is not detected; else observed. What NaN and infinity mean, `bands` may say otherwise.
[[nodiscard]] BandState band_state(double magnitude, const BandOptions& bands) noexcept;

/// The name of a band's column: `pattern` with the band for {band}, in upper case for {BAND}.
[[nodiscard]] std::string band_column(const std::string& pattern, const std::string& band);
/// The usual bands (u g r i z y Y J H K), blue to red, whose columns by this pattern a table has.
[[nodiscard]] std::vector<std::string> bands_named(const std::string& pattern, const Schema& schema);

/// Names of the magnitude and error columns of each band.
struct BandColumns {
  std::vector<std::string> magnitude, error;  ///< shape [n_bands]; error is empty when the survey has none
  bool errors_are_limits = false;             ///< the error of a non-detection is its limiting magnitude; NaN or <= 0: not known
};
/// Expands the patterns of `bands`; where bands or patterns were not given, recognises the usual conventions
/// among the columns of `schema` (mag_{band}/mag_err_{band}, mag_{band}_lsst/mag_err_{band}_lsst,
/// MAG_{BAND}/MAG_ERR_{BAND}, u g r i z with eu eg er ei ez, psfmag_{band}/psfmagerr_{band}, ...) and fills
/// `bands` in. Throws UsageError when no convention matches, naming `source`, or when a column is absent.
[[nodiscard]] BandColumns resolve_bands(BandOptions& bands, const Schema& schema, const std::string& source);

/// Magnitudes of a block of objects, ready for a kernel: row-major, bands fastest.
struct Photometry {
  std::size_t n_objects = 0, n_bands = 0;
  AlignedVector<double> mag;              ///< [n_objects x n_bands]; AB mag; limit where not detected; NaN where not observed
  AlignedVector<double> mag_err;          ///< [n_objects x n_bands]; mag; 1 where not detected; NaN where not observed
  AlignedVector<std::uint32_t> observed;  ///< [n_objects] bit b set: band b counts (observed or not detected)
};
/// Objects of `from` by number, in this order and as often as they are named. `rows` is a range of whole numbers.
template <class Rows>
[[nodiscard]] Photometry rows_of(const Photometry& from, const Rows& rows) {
  Photometry some;
  some.n_objects = std::size(rows);
  some.n_bands = from.n_bands;
  for (const std::size_t row : rows) {
    for (std::size_t cell = row * from.n_bands; cell < (row + 1) * from.n_bands; ++cell) {
      some.mag.push_back(from.mag[cell]);
      some.mag_err.push_back(from.mag_err[cell]);
    }
    some.observed.push_back(from.observed[row]);
  }
  return some;
}
/// What stands for the magnitude of a non-detection as long as limiting magnitudes are not known.
inline constexpr double undetected = 99.0;

/// Gathers the bands' columns of `table` into `out` (a reused buffer).
///
/// @param limits  limiting magnitude per band, for non-detections without one of their own, shape [n_bands]; empty: not known yet, so that
///                they have the magnitude `undetected` until `apply_limits`
/// An observed band whose error is not a positive number keeps its magnitude and gets the error NaN.
void gather_photometry(const Table& table, const BandColumns& columns, const BandOptions& bands, std::span<const double> limits,
                       Photometry& out);

/// Sets non-detections of a block that was gathered without limits to theirs; without limits leaves it as it is.
void apply_limits(Photometry& photometry, std::span<const double> limits);

}  // namespace skyfold
