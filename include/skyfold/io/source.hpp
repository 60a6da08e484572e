#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

class OptionSet;

/// How inputs are read; section `input` of the configuration.
struct SourceOptions {
  std::string format = "auto";           ///< auto, fits, csv, text, hdf5, parquet, votable
  std::string hdu;                       ///< FITS: number or EXTNAME; "" = the largest table with coordinates, else the first with rows
  std::string group;                     ///< HDF5: group or compound dataset; "" = the only table in the file
  std::string delimiter;                 ///< csv: one character, "tab"; "" = guessed from the header line (, ; tab |)
  std::vector<std::string> columns;      ///< text: names of the columns, in order, in place of those of the header; empty = the header's
  std::vector<std::string> coordinates;  ///< unit of coordinates, one or that of each; empty = what the input says, else degrees
  std::vector<std::string> text;         ///< text: columns whose cells stay texts, whatever they look like
};
void describe(OptionSet& option, SourceOptions& o);

/// A part of an input that can be read on its own.
struct Piece {
  std::int64_t first_row = 0, rows = 0;  ///< rows of the file, counted from 0
  std::int64_t begin = 0, end = 0;       ///< bytes of the file (text formats only)
};

/// A cell that cannot be read; its place in the output holds a missing value.
struct BadCell {
  std::int64_t row = 0;  ///< row of the file, counted from 0
  std::string column;
  std::string problem;  ///< e.g. "'abc' is not a number"
};

/// A column of the file that a table of skyfold cannot hold, e.g. arrays of varying length.
struct LeftOut {
  std::string column;
  std::string reason;
};

/// Runs `unit(0) ... unit(count - 1)` somewhere (here, on threads, on other ranks) and returns all results, in
/// order, to every caller. An exception of a unit is thrown by the call, on every rank.
using ScanRunner = std::function<std::vector<std::string>(std::size_t count, const std::function<std::string(std::size_t)>& unit)>;
/// Runs the units here, one after the other.
[[nodiscard]] std::vector<std::string> scan_here(std::size_t count, const std::function<std::string(std::size_t)>& unit);

/// One input table. Values that a column of skyfold cannot hold as they are become:
/// - FITS: bits and logicals u1 (one per bit or logical; 255 when a logical is undefined), scaled columns f8, complex
///   numbers pairs, unsigned integers the next wider signed type, texts one text per row;
/// - HDF5: booleans u1, unsigned integers as for FITS, texts of any length the width of the longest;
/// - Parquet: as HDF5; decimal numbers f8, or i8 when whole; dates and times f8, as Modified Julian Dates;
/// - text: i8, f8, u1 (true, false) or text, what nine tenths of the first 10,000 rows have; integers beyond 64 bits stay text.
/// 64-bit unsigned values beyond the signed range are bad cells.
///
/// Constant after opening; `read` may be called by several threads only for text and FITS.
class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual const std::string& path() const noexcept = 0;
  [[nodiscard]] virtual const Schema& schema() const noexcept = 0;                  ///< all columns, names as in the file
  [[nodiscard]] virtual const std::vector<LeftOut>& left_out() const noexcept = 0;  ///< columns not in the schema
  [[nodiscard]] virtual std::int64_t rows() const noexcept = 0;
  /// For a column of text that has numbers too: "text, since row 7 has 'abc', though row 1 has the number 2"; "" otherwise.
  [[nodiscard]] virtual std::string mixture(std::size_t column) const;
  /// True when no row has a value of the column, so that it can be read as any type.
  [[nodiscard]] virtual bool is_void(std::size_t column) const;
  /// How the header was understood, where it is not a plain line of names; "" otherwise.
  [[nodiscard]] virtual const std::string& header_remark() const noexcept;
  /// Cuts the input into pieces of about `rows` rows; the cut depends on the input and `rows` alone.
  [[nodiscard]] virtual std::vector<Piece> pieces(std::int64_t rows) const = 0;
  /// Resizes `out` to the piece's rows and fills its columns: each is read from the input's column named
  /// `info().source` and converted to its type (to the same or a wider one).
  /// Throws IoError for a file that cannot be read or ends early; cells that cannot be read go to `bad`.
  virtual void read(const Piece& piece, Table& out, std::vector<BadCell>& bad) const = 0;
};

/// Opens an input of any format. Throws IoError (missing, truncated, wrong format) or DataError (header).
/// Collective in the sense of `run`: every caller makes the same calls of it.
[[nodiscard]] std::unique_ptr<Source> open_source(const std::string& path, const SourceOptions& o, const ScanRunner& run = scan_here);

/// Input files named on the command line: each argument is a file, or `@list.txt` / a `.lst` file with a path a line
/// (relative to the list's folder; blank lines and # comments skipped). Throws UsageError for none, IoError for a
/// missing one.
[[nodiscard]] std::vector<std::string> input_files(const std::vector<std::string>& arguments);

}  // namespace skyfold
