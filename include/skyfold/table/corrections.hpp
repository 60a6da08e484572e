#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "skyfold/table/photometry.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

class OptionSet;

/// What is done to the magnitudes of a table beyond reading them: zero points are added, extinction is taken off. It goes with the
/// magnitudes from a matched sample to the model, so that whoever uses the model can do the same; section `corrections`.
struct CorrectionRecord {
  std::vector<std::string> bands = {};                  ///< what the lists are for
  std::vector<double> zeropoint = {};                   ///< mag, added, shape [n_bands]; empty: none
  std::string tile = {};                                ///< column of tiles; "": no zero points by tile
  std::string ebv = {};                                 ///< column of E(B-V), mag; "": no extinction is taken off
  std::vector<double> extinction = {};                  ///< coefficient of each band, taken off times E(B-V)
  std::vector<double> nondetection = {}, missing = {};  ///< magnitudes that are none there, where they are not the usual ones
  /// Zero points by the name of the tile, mag, added, shape [n_bands] each.
  std::map<std::string, std::vector<double>, std::less<>> tiles = {};

  /// No magnitude is changed.
  [[nodiscard]] bool is_empty() const noexcept;
  /// One line a correction; none when nothing is corrected.
  [[nodiscard]] std::vector<std::string> lines() const;
};
/// Everything but the table of tiles.
void describe(OptionSet& option, CorrectionRecord& o);

/// The same for these bands; those that the record does not know are not corrected.
[[nodiscard]] CorrectionRecord of_bands(const CorrectionRecord& record, const std::vector<std::string>& bands);
/// The first thing that two records do otherwise to the magnitudes of these bands, for a message: "zero points g 0.5, r 0.1 mag against
/// g 0, r 0"; "" when they do the same. What columns of tiles are called does not count.
[[nodiscard]] std::string difference(const CorrectionRecord& a, const CorrectionRecord& b, const std::vector<std::string>& bands);

/// Applies a record to the magnitudes of a table: the one place where that is done, so that an object has the same bits in a matched
/// sample and in an estimate.
class Corrections {
 public:
  /// Changes nothing.
  Corrections() = default;
  /// @param record      of the bands of `columns`, in their order
  /// @param bands       names the magnitudes that are none, which stay as they are
  /// @param schema      of the table; `path` for messages
  /// @param tiles_from  the file that has the zero points of tiles, for messages
  /// Throws UsageError for a column that the table lacks, DataError for one that is of another type.
  Corrections(CorrectionRecord record, const BandColumns& columns, const BandOptions& bands, const Schema& schema, const std::string& path,
              const std::string& tiles_from);

  [[nodiscard]] bool is_empty() const noexcept { return record_.is_empty(); }
  [[nodiscard]] const CorrectionRecord& record() const noexcept { return record_; }
  /// Columns that it reads, besides magnitudes.
  [[nodiscard]] std::vector<std::string> needs() const;

  /// Number of the tile of each row, to be handed to `apply`; empty when there are none. Throws DataError for a tile without zero points.
  [[nodiscard]] std::vector<std::uint32_t> tiles_of(const Table& rows) const;
  /// Changes the magnitudes of bands that were observed, in the type of their column; returns the number of rows without a finite E(B-V),
  /// whose magnitudes become NaN (where extinction is taken off). Each row by itself: threads do not matter.
  std::int64_t apply(Table& rows, std::span<const std::uint32_t> tiles, int threads) const;
  /// Both.
  std::int64_t apply(Table& rows) const { return apply(rows, tiles_of(rows), 1); }

 private:
  template <class T>
  void correct(std::span<T> magnitudes, std::size_t band, const Column* ebv, std::span<const std::uint32_t> tiles, std::size_t begin,
               std::size_t end) const;

  CorrectionRecord record_;
  BandOptions bands_;
  std::vector<std::string> magnitudes_;
  std::string path_, tiles_from_;
  std::map<std::string, std::uint32_t, std::less<>> number_of_tile_;
  std::vector<double> zeropoint_;        ///< [n_bands]
  std::vector<double> tile_zeropoints_;  ///< [tiles x n_bands]
};

}  // namespace skyfold
