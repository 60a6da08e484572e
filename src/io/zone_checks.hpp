#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "skyfold/core/file.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// Hashes of the zones of a column.
struct ZoneHashes {
  std::int64_t zone_rows = 0;
  std::int64_t zones = 0;   ///< 0: the column has no hashes
  std::int64_t place = -1;  ///< first byte in the file; -1: they are here already
  std::vector<std::uint64_t> values;
};

/// Compares zones of columns with the hashes that were written with them, each when it is first read. Any thread.
class ZoneChecks {
 public:
  /// Looks for the hashes of a group; nothing where there are none, or inputs are not verified. Throws DataError when they are damaged.
  [[nodiscard]] static std::unique_ptr<ZoneChecks> of(const std::string& path, const ColumnPlaces& places);
  ZoneChecks(const ColumnPlaces& places, std::vector<ZoneHashes> hashes);

  /// Compares the zones that rows of a column touch, unless they were found to be whole before. Throws DataError that names the rows
  /// of one that is not.
  ///
  /// @param file   what lies beyond `bytes` of a zone is read from it
  /// @param bytes  of the rows from `first_row` on, as they were read
  void check(const File& file, std::size_t column, std::int64_t first_row, std::span<const std::byte> bytes);
  /// The same of rows that were not read through `file`.
  void check(const File& file, std::size_t column, RowRange rows);

 private:
  struct ColumnState {
    std::once_flag is_ready;
    std::unique_ptr<std::atomic<bool>[]> is_whole;  ///< by zone
  };
  void make_ready(const File& file, std::size_t column);
  void check(const File& file, std::size_t column, RowRange rows, std::span<const std::byte> bytes);
  void compare(const File& file, std::size_t column, RowRange zone, std::uint64_t hash, std::int64_t first_row,
               std::span<const std::byte> bytes) const;

  ColumnPlaces places_;
  std::vector<ZoneHashes> hashes_;  ///< by column
  std::vector<ColumnState> states_;
};

}  // namespace skyfold
