#pragma once

#include <cstdint>
#include <vector>

#include "skyfold/dataset/part_values.hpp"
#include "skyfold/table/photometry.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// A photometric object within the radius of a spectroscopic one.
struct MatchCandidate {
  std::int64_t row = 0;  ///< of the catalogue
  double separation_arcsec = 0.0;
  std::uint32_t object = 0;  ///< number of the spectroscopic object
  std::uint32_t place = 0;   ///< of the row in Part::rows

  /// The nearer one first; of equally near ones the first in the catalogue.
  [[nodiscard]] bool is_nearer(const MatchCandidate& other) const noexcept {
    return separation_arcsec != other.separation_arcsec ? separation_arcsec < other.separation_arcsec : row < other.row;
  }
};

/// Counts of magnitudes and colours in fixed bins, to compare samples.
class MagnitudeCounts {
 public:
  static constexpr double mag_low = 8.0, mag_width = 0.25, colour_low = -3.0, colour_width = 0.1;
  static constexpr std::size_t mag_bins = 112, colour_bins = 90;

  MagnitudeCounts() = default;
  explicit MagnitudeCounts(std::size_t bands) : bands_(bands), counts_(1 + bands * mag_bins + (bands - 1) * colour_bins) {}
  /// Adds an object; only observed bands count.
  void add(const Photometry& photometry, std::size_t object) noexcept;
  void add(const std::vector<std::int64_t>& counts) noexcept;

  [[nodiscard]] std::int64_t objects() const noexcept { return counts_.empty() ? 0 : counts_[0]; }
  [[nodiscard]] const std::vector<std::int64_t>& all() const noexcept { return counts_; }
  /// Counts by bin of a band, or of the colour band - next band.
  [[nodiscard]] std::vector<double> magnitude(std::size_t band) const;
  [[nodiscard]] std::vector<double> colour(std::size_t band) const;

 private:
  std::size_t bands_ = 0;
  std::vector<std::int64_t> counts_;  ///< objects; magnitudes by band; colours
};

/// What is found in one block of the catalogue.
struct Part {
  std::vector<MatchCandidate> candidates;  ///< by row, then separation
  Table rows;                              ///< wanted columns of rows with candidates, each once, increasing
  std::vector<std::int64_t> reference;     ///< MagnitudeCounts of the objects looked at
};

/// How it is kept. Blocks are fixed, so that none is ever cut: the counts of a block cannot be.
struct MatchCodec {
  using Value = Part;
  Schema schema;  ///< of Part::rows

  static void put(PartWriter& to, const Part& part);
  [[nodiscard]] Part get(PartReader& from) const;
  [[nodiscard]] static Part cut(Part part, RowRange held, RowRange rows);
};
using MatchParts = PartsOf<MatchCodec>;

}  // namespace skyfold
