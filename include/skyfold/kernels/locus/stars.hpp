#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/kernels/locus/plane.hpp"
#include "skyfold/table/photometry.hpp"

namespace skyfold {

/// Photometry of one object in the band of observation: magnitude, and its colours with the bands on either side, NaN
/// where not measured. A colour that does not exist, at either end of the list of bands, is 0 for all objects.
struct BandPhotometry {
  double mag = 0.0;     ///< mag
  double before = 0.0;  ///< (band before) - band, mag
  double after = 0.0;   ///< band - (band after), mag
};

/// Reads the photometry of the band of observation from a table's columns.
class BandReader {
 public:
  /// @param colours  "BP-RP": one or two colours in place of those with the neighbouring bands; none: those
  /// Throws UsageError when `band`, or a band of a colour, is not one of `bands`.
  BandReader(const BandOptions& bands, const BandColumns& columns, const std::string& band, const std::vector<std::string>& colours = {});
  /// Columns that are read, by name.
  [[nodiscard]] std::vector<std::string> needs() const;
  /// Photometry of all rows of `table`, which has the columns of needs(), into `out`, which is resized.
  void read(const Table& table, std::vector<BandPhotometry>& out) const;

 private:
  BandOptions bands_;
  /// Names of the columns of a colour's two bands; "" where there is none.
  struct Colour {
    std::string blue, red;
  };
  std::string at_;
  Colour before_, after_;
};

/// Stars as they come from a catalogue, shapes [n].
struct Stars {
  std::vector<double> ra, dec;  ///< degrees, ICRS
  std::vector<BandPhotometry> photometry;
  std::vector<double> rating;     ///< of a given column; empty for the colour rule
  std::vector<std::int64_t> row;  ///< row in the catalogue
  [[nodiscard]] std::size_t size() const noexcept { return ra.size(); }
};

/// The stars about some targets, arranged so that those near a position are found at once: in strips of constant
/// declination, by RA in each. Nothing that is asked of it depends on the order in which stars are given.
class StarField {
 public:
  /// @param strip_deg  height of a strip, best about a quarter of the zones that are asked for
  StarField(const Stars& stars, double strip_deg);

  [[nodiscard]] std::size_t size() const noexcept { return ra_.size(); }
  [[nodiscard]] Position position(std::size_t i) const noexcept { return {ra_[i], dec_[i]}; }
  [[nodiscard]] const Direction& direction(std::size_t i) const noexcept { return direction_[i]; }
  [[nodiscard]] std::span<const double> mag() const noexcept { return mag_; }
  [[nodiscard]] std::span<const double> before() const noexcept { return before_; }
  [[nodiscard]] std::span<const double> after() const noexcept { return after_; }
  [[nodiscard]] std::span<const double> rating() const noexcept { return rating_; }  ///< empty for the colour rule
  [[nodiscard]] std::int64_t row(std::size_t i) const noexcept { return row_[i]; }
  /// Stars that may be references: not crowded, not a repetition. The others have NaN for colours and rating.
  [[nodiscard]] bool is_usable(std::size_t i) const noexcept { return usable_[i] != 0; }

  /// Calls `visit(begin, end)` with ranges of stars that together hold all within the bounds about RA `ra`, and others.
  template <class Visit>
  void visit(double ra, const SkyBounds& bounds, const Visit& visit) const;

  /// Makes stars that repeat another one (same position, photometry and rating) unusable, all but the one of the lowest
  /// row; repetitions do not crowd each other.
  void merge_repeated();
  /// Makes stars unusable that have another star closer than `resolution_deg` and less than `dmag` mag different in the
  /// band. Repeated stars that were merged do not count.
  void drop_crowded(double resolution_deg, double dmag, int threads);

 private:
  void put_aside(std::size_t i) noexcept;
  [[nodiscard]] std::size_t strip_of(double dec) const noexcept;
  [[nodiscard]] bool is_crowded(std::size_t i, double resolution_deg, double dmag) const noexcept;

  double strip_deg_, first_dec_ = 0.0;
  std::vector<std::size_t> strips_;  // first star of each strip, and the number of stars
  std::vector<double> ra_, dec_, mag_, before_, after_, rating_;
  std::vector<Direction> direction_;
  std::vector<std::int64_t> row_;
  std::vector<std::uint8_t> usable_;
};

/// Flags stars that have another one closer than `resolution_arcsec` and less than `dmag` mag different. Of stars that
/// repeat each other exactly one counts, the others are not flagged. NaN magnitudes crowd nothing.
///
/// @param ra, dec, mag  shapes [n]
[[nodiscard]] std::vector<std::uint8_t> crowded_stars(std::span<const double> ra, std::span<const double> dec, std::span<const double> mag,
                                                      double resolution_arcsec, double dmag, int threads);

template <class Visit>
void StarField::visit(double ra, const SkyBounds& bounds, const Visit& visit) const {
  if (size() == 0 || bounds.dec_max < first_dec_) return;
  const std::size_t last = strip_of(bounds.dec_max);
  const auto between = [&](std::size_t begin, std::size_t end, double low, double high) {
    const double* const from = std::lower_bound(ra_.data() + begin, ra_.data() + end, low);
    const double* const to = std::upper_bound(from, ra_.data() + end, high);
    if (from < to) visit(static_cast<std::size_t>(from - ra_.data()), static_cast<std::size_t>(to - ra_.data()));
  };
  for (std::size_t strip = strip_of(bounds.dec_min); strip <= last; ++strip) {
    const std::size_t begin = strips_[strip], end = strips_[strip + 1];
    const double low = ra - bounds.half_ra, high = ra + bounds.half_ra;
    if (bounds.half_ra >= 180.0) {
      if (begin < end) visit(begin, end);
      continue;
    }
    if (low < 0.0) between(begin, end, low + 360.0, 360.0);
    between(begin, end, low, high);
    if (high > 360.0) between(begin, end, 0.0, high - 360.0);
  }
}

}  // namespace skyfold
