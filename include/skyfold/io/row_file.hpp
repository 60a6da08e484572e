#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/core/file.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// Whether zones are compared with their hashes: those of inputs are, unless the user says otherwise; a product that is being made
/// is compared with its journal.
enum class ZoneCheck { on, off };

/// Reads rows of a columnar HDF5 file by position: contiguous datasets are plain arrays in the file, so a read is one
/// system call a column, needs no lock, and may run on any thread. Of compressed ones the chunks are read and restored. The first read of a
/// zone of a column reads all of it, where its hash is known, and throws DataError when the bytes are not those that were written.
class RowReader {
 public:
  explicit RowReader(const std::string& path, const std::string& group = "/object", ZoneCheck check = ZoneCheck::on);
  ~RowReader();
  RowReader(RowReader&&) noexcept;
  RowReader& operator=(RowReader&&) noexcept;

  [[nodiscard]] const Schema& schema() const noexcept { return places_.group.schema; }
  [[nodiscard]] std::int64_t rows() const noexcept { return places_.group.rows; }
  [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }

  /// Reads `rows` of the columns of `table` (found by name) into it; the table is resized to them.
  void read(RowRange rows, Table& table) const;
  /// Reads `rows` of column number `column` into `destination`, rows.size() x bytes per row.
  void read(std::size_t column, RowRange rows, std::span<std::byte> destination) const;

 private:
  ColumnPlaces places_;
  File file_;
  std::unique_ptr<class ZoneChecks> checks_;  ///< none for rows without hashes
  std::unique_ptr<class ChunkReader> compressed_;
};

/// A file in which ranks write disjoint byte ranges at the same time, each through a descriptor of its own: no collective
/// call, so ranks may come, go and die independently.
class SharedFile {
 public:
  explicit SharedFile(const std::string& path);

  void write(std::int64_t offset, std::span<const std::byte> bytes);
  void read(std::int64_t offset, std::span<std::byte> bytes);
  /// Reads until `bytes` is full or the file ends; returns how many bytes it got.
  [[nodiscard]] std::size_t read_some(std::int64_t offset, std::span<std::byte> bytes);
  /// Returns when what this rank wrote is on the disk.
  void sync();

 private:
  File file_;
  bool needs_locks_;
};

/// Writes rows of a columnar HDF5 file that `create_columns` laid out. Main thread only.
class RowWriter {
 public:
  explicit RowWriter(const std::string& path, const std::string& group = "/object");

  [[nodiscard]] const Schema& schema() const noexcept { return places_.group.schema; }
  [[nodiscard]] std::int64_t rows() const noexcept { return places_.group.rows; }

  /// Writes all rows of `table` to rows first_row... of the columns of the same names; returns the bytes written.
  std::int64_t write(std::int64_t first_row, const Table& table);
  /// Writes values of column number `column`; `bytes` is a whole number of rows.
  void write(std::size_t column, std::int64_t first_row, std::span<const std::byte> bytes);
  void read(std::size_t column, RowRange rows, std::span<std::byte> destination);
  void sync() { file_.sync(); }

 private:
  ColumnPlaces places_;
  SharedFile file_;
};

}  // namespace skyfold
