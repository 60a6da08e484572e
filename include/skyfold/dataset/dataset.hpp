#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {

/// A table as every command opens it: the objects of a catalogue or product of skyfold, or a table of another program (FITS, CSV,
/// text, HDF5).
///
/// A cell that cannot be read is an error everywhere, told by `describe_bad_cell`; a command that lets its user drop such rows reads
/// pieces by `read_piece_and_bad_cells`.
class Dataset {
 public:
  /// Throws IoError or DataError, as open_source. Collective in the sense of `run`.
  explicit Dataset(const std::string& path, SourceOptions o = {}, const ScanRunner& run = scan_here);

  [[nodiscard]] const std::string& path() const noexcept { return source_->path(); }
  [[nodiscard]] const Schema& schema() const noexcept { return source_->schema(); }
  [[nodiscard]] std::int64_t rows() const noexcept { return source_->rows(); }
  /// For what reads pieces, or asks about columns.
  [[nodiscard]] const Source& source() const noexcept { return *source_; }
  /// The ordered file, where the table is the objects of a finished catalogue, read as they are; else null.
  [[nodiscard]] const Catalogue* catalogue() const noexcept { return catalogue_.get(); }
  /// Coordinates are converted to degrees from here on (in_degrees).
  void use_degrees(const std::string& lon, const std::string& lat);

  /// A column of the table to be read as it is. Throws UsageError for one that is not there, with the nearest name.
  /// @param named_by  what names it, for messages: "--columns.id"; "" for nothing
  [[nodiscard]] ColumnInfo column(const std::string& name, const std::string& named_by) const;
  /// One of numbers to be read as `type`; those read as f8 have NaN for missing. Throws DataError for texts and arrays.
  [[nodiscard]] ColumnInfo number_column(const std::string& name, const std::string& named_by, Type type = Type::f8) const;

  /// Calls `use` with all rows, block after block.
  /// @param columns    their `source` is the name in the table; "": they are called the same
  /// @param block_rows  about so many rows at a time
  /// Throws DataError for the first cell that cannot be read.
  void each_block(const Schema& columns, std::int64_t block_rows,
                  const std::function<void(const Table& rows, std::int64_t first_row)>& use) const;
  /// All rows in memory.
  [[nodiscard]] Table read(const Schema& columns) const;

 private:
  SourceOptions options_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Catalogue> catalogue_;
};

/// True for an HDF5 file that is a catalogue or product of skyfold; false for all else, also for what cannot be read.
[[nodiscard]] bool is_own_product(const std::string& path);

/// Reads a piece of a table. Throws DataError for the first row with a cell that cannot be read.
void read_piece(const Source& source, const Piece& piece, Table& out);
/// Likewise, but gives the cells that cannot be read, by row.
[[nodiscard]] std::vector<BadCell> read_piece_and_bad_cells(const Source& source, const Piece& piece, Table& out);

/// "stars.csv, row 3, column mag: 'abc' is not a number"; a row with too few or too many cells has no column.
[[nodiscard]] std::string describe_bad_cell(const std::string& path, const BadCell& bad);

/// "no column 'x' (named by --id), did you mean 'y'?", after the table's path.
[[nodiscard]] std::string describe_missing_column(const std::string& path, const Schema& schema, const std::string& name,
                                                  const std::string& named_by);

}  // namespace skyfold
