#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "work.hpp"

namespace skyfold {

/// The sums of all blocks, joined in their order, on one rank.
class MapRows {
 public:
  /// @param rows        of the catalogue
  /// @param is_ordered  it is in the order of the sky; else all pixels are in memory at once
  MapRows(const MapStatistics& statistics, PartsOf<PixelSumsCodec> parts, std::int64_t rows, bool is_ordered);

  /// Pixels that have rows.
  [[nodiscard]] std::int64_t count() const;
  /// Calls `use` with all rows of the table of pixels, in blocks, in order.
  void each_block(int order, const std::function<void(const Table& rows, std::int64_t first_row)>& use) const;

 private:
  void each_final(const std::function<void(sky_map::PixelSums& sums, std::size_t end)>& use) const;

  const MapStatistics& statistics_;
  PartsOf<PixelSumsCodec> parts_;
  std::int64_t rows_;
  bool is_ordered_;
};

/// Calls `use` with the rows of the table of pixels in the file `table`, block by block, with some of its columns.
/// @param columns  in the order wanted; one that is there twice is read once
void each_pixel_block(const std::string& table, const std::vector<std::string>& columns, const std::function<void(const Table&)>& use);
/// A HEALPix map of the table of pixels in the file `table`, NESTED: the pixels that it has, or all.
/// @param columns  of the table that become columns of the map
void write_healpix_map(const std::string& path, const std::string& table, int order, const std::vector<ColumnInfo>& columns, bool is_full,
                       const std::string& creator);
/// The same in the layout of healsparse.
void write_healsparse_map(const std::string& path, const std::string& table, int order, int coverage_order,
                          const std::vector<ColumnInfo>& columns, const std::string& creator);

}  // namespace skyfold
