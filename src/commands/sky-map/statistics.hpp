#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/kernels/sky_map/pixel_sums.hpp"
#include "skyfold/table/number_expression.hpp"

namespace skyfold {

/// A number of each row that statistics are made of.
struct MapValue {
  NumberExpression number;
  std::optional<NumberExpression> error;  ///< of a magnitude: the value is the magnitude that a signal of 10 sigma would have
};

/// A column of the table of pixels.
struct MapColumn {
  enum class Measure { count, mean, std, min, max, median } measure = Measure::count;
  ColumnInfo info;
  std::size_t value = 0;  ///< number of the MapValue
};

/// What `--stat` asks for, and the mean position that every map has.
class MapStatistics {
 public:
  /// @param texts  one statistic each
  /// Throws UsageError for what cannot be read, for columns that are not there, and for two statistics of one name.
  MapStatistics(const std::vector<std::string>& texts, const Catalogue& catalogue);

  /// Those of the user, with the mean position before them: all columns between `n` and the pixel's centre.
  [[nodiscard]] const std::vector<MapColumn>& columns() const noexcept { return columns_; }
  [[nodiscard]] const std::vector<MapValue>& values() const noexcept { return values_; }
  [[nodiscard]] const sky_map::SumsLayout& layout() const noexcept { return *layout_; }
  /// Columns of the catalogue that are read for them.
  [[nodiscard]] Schema needs() const;
  /// The name of the column that `--stat` names first.
  [[nodiscard]] const std::string& first() const noexcept { return first_; }
  /// What was guessed, for the log.
  [[nodiscard]] const std::vector<std::string>& guesses() const noexcept { return guesses_; }

 private:
  void add(const std::string& text);
  void add_column(MapColumn::Measure measure, ColumnInfo info, std::size_t value);
  std::size_t value_of(const std::string& text, const std::string& error, const std::string& what);
  [[nodiscard]] std::string error_of(const std::string& magnitude, const std::string& what);

  const Catalogue& catalogue_;
  std::vector<MapColumn> columns_;
  std::vector<MapValue> values_;
  std::vector<sky_map::ValueUse> uses_;
  std::optional<sky_map::SumsLayout> layout_;
  std::string first_;
  std::vector<std::string> guesses_;
};

/// The schema of the table: pix, n, the statistics, and the centre of each pixel with its index.
[[nodiscard]] Schema map_schema(const MapStatistics& statistics, int order);

/// Values of some rows of a block. Those of rows that cannot tell are NaN.
void fill_values(const MapValue& value, const Table& rows, std::size_t first_row, std::span<double> out);

/// Pixels [begin, end) of sums as rows of such a table, which is resized. Medians must be settled.
void fill_rows(const MapStatistics& statistics, int order, const sky_map::PixelSums& sums, std::size_t begin, std::size_t end, Table& out);

}  // namespace skyfold
