#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/sky/area.hpp"
#include "skyfold/sky/region.hpp"
#include "skyfold/table/expression.hpp"

namespace skyfold {

/// What a scan looked at.
struct ScanCounts {
  std::int64_t blocks = 0;       ///< zones of a catalogue, blocks of another table
  std::int64_t blocks_read = 0;  ///< of which a column was read
  std::int64_t bytes_read = 0;   ///< of columns, but for the keys that the index of a catalogue is searched for
};

/// Finds the rows of a catalogue that a condition and a region choose. A zone (65,536 rows) is not read when the ranges of its columns
/// say that the condition holds for none of its rows, or for all; rows of the region are found by the index. Main thread only.
class CatalogueScan {
 public:
  /// `catalogue` must outlive this.
  /// @param condition  compiled for the catalogue's schema; none: all rows
  /// @param region     none: the whole sky. Throws UsageError for a catalogue without positions.
  CatalogueScan(const Catalogue& catalogue, std::optional<Condition> condition, const std::optional<Region>& region = std::nullopt);
  /// Among some rows alone, such as those of areas of the sky.
  /// @param among  increasing and disjoint
  CatalogueScan(const Catalogue& catalogue, std::optional<Condition> condition, std::vector<RowRange> among);

  /// Rows of `within` that are chosen: increasing.
  [[nodiscard]] std::vector<std::int64_t> rows(RowRange within);
  [[nodiscard]] const ScanCounts& counts() const noexcept { return counts_; }
  /// Reads some rows, increasing and of one zone, of the columns of `out`, which is resized.
  void read(std::span<const std::int64_t> rows, Table& out);

 private:
  void add_rows(RowRange part, std::vector<std::int64_t>& rows);
  [[nodiscard]] PossibleTruth possible_in(std::int64_t zone) const;
  [[nodiscard]] std::vector<RowRange> parts_of(RowRange within) const;
  void keep_region(std::vector<std::int64_t>& rows);
  Table read_block(const Schema& columns, RowRange rows);

  const Catalogue& catalogue_;
  std::optional<Condition> condition_;
  Schema needs_;                                    ///< of the condition
  std::vector<std::vector<ColumnRange>> ranges_;    ///< by column of the condition and zone; none where the catalogue tells nothing
  std::optional<Region> region_;                    ///< what rows are still looked up in
  std::optional<std::vector<RowRange>> in_region_;  ///< rows found by the index, or given
  std::int64_t last_zone_ = -1;                     ///< that was counted as read
  ScanCounts counts_;
};

/// The rows of a catalogue that lie in all areas, exactly: increasing, disjoint and not touching; all rows where there is no area. Throws
/// UsageError for a catalogue without positions.
[[nodiscard]] std::vector<RowRange> rows_in_areas(const Catalogue& catalogue, std::span<const SkyArea> areas);

/// What is wanted of a table.
struct ScanRequest {
  std::vector<std::string> columns;
  std::optional<Condition> condition = {};  ///< compiled for the table's schema
  std::optional<Region> region = {};        ///< of the sky; the positions are those of the usual columns
};

/// Calls `use` with the chosen rows of a table, in blocks of at most 65,536 of its rows, in their order; blocks without any are left
/// out. Of a catalogue only those zones are read that may have some.
///
/// @param use  is given the columns wanted and the numbers of the rows, from 0
/// Throws UsageError for a column that is not there and for a region of a table without positions, DataError for a cell that cannot be
/// read and for a position that is none.
ScanCounts scan(const Dataset& dataset, const ScanRequest& request,
                const std::function<void(const Table& rows, std::span<const std::int64_t> row_numbers)>& use);

}  // namespace skyfold
