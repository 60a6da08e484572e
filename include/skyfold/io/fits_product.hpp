#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "skyfold/io/row_file.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// How texts of a column stand in the file.
struct FitsText {
  std::size_t width = 0;    ///< bytes per row
  bool is_encoded = false;  ///< bytes beyond printable ASCII, and the percent sign, are written as %XX
};

/// Finds the text columns of a product that FITS cannot hold as they are.
class FitsTexts {
 public:
  /// Looks at the text columns of a table.
  void add(const Table& table);
  /// The text column `column` as it will be in the file.
  [[nodiscard]] FitsText of(const ColumnInfo& column) const;
  /// Names of the columns that are encoded.
  [[nodiscard]] std::vector<std::string> encoded() const;

 private:
  struct Seen {
    std::size_t width = 1;  ///< of the longest text, encoded
    bool needs = false;
  };
  std::map<std::string, Seen> columns_;
};

/// How a table lies in the file: row after row, or as one row whose cells are whole columns ("colfits", as STILTS and TOPCAT read it: a
/// column is read without the others).
enum class FitsOrder { rows, columns };

/// A FITS binary table that many ranks fill at once (FITS Standard 4.0, section 7.3): the header is written by CFITSIO,
/// the rows are placed by the ranks themselves.
struct FitsLayout {
  Schema schema;
  std::vector<FitsText> texts;  ///< by column; of those that are text
  std::int64_t rows = 0;
  std::int64_t data_start = 0;  ///< first byte of row 0
  std::int64_t row_bytes = 0;   ///< NAXIS1; of an order by columns NAXIS1 is that of all rows
  FitsOrder order = FitsOrder::rows;
};

/// Creates the file with its header and reserves its space; rows are zero until written. Rank 0.
///
/// @param texts    what is known of the texts that will be written
/// @param history  lines for HISTORY cards
/// @param flags    keywords that are true
/// Names that a header cannot hold have other bytes as _XX, or are cut, which is logged. Throws IoError, or UsageError for more than 999
/// columns.
void create_fits(const std::string& path, const Schema& schema, std::int64_t rows, const std::string& extension_name,
                 const std::vector<std::string>& history, const FitsTexts& texts = {}, FitsOrder order = FitsOrder::rows,
                 const std::vector<std::string>& flags = {});

/// Layout of a file made by create_fits with this schema and number of rows. Throws IoError.
[[nodiscard]] FitsLayout open_fits(const std::string& path, const Schema& schema, std::int64_t rows, FitsOrder order = FitsOrder::rows);

/// Ones'-complement sum of the 32-bit big-endian words of a piece of the data that begins `offset` bytes after the start
/// (FITS Standard 4.0, appendix J). Sums of the pieces of a file can be added with `add_fits_sums`.
[[nodiscard]] std::uint32_t fits_sum(std::span<const std::byte> bytes, std::int64_t offset) noexcept;
[[nodiscard]] std::uint32_t add_fits_sums(std::uint32_t a, std::uint32_t b) noexcept;

struct FitsExtent;
/// Writes rows at their place, big-endian. Main thread only.
class FitsRowWriter {
 public:
  FitsRowWriter(const std::string& path, FitsLayout layout);
  /// Writes rows whose columns stand in `tables`, all of one length, each column in one of them; returns their
  /// partial sum.
  std::uint32_t write(std::int64_t first_row, std::span<const Table* const> tables);
  /// Whether these rows are in the file as `write` writes them.
  [[nodiscard]] bool holds(std::int64_t first_row, std::span<const Table* const> tables);
  /// The bytes that the last call of `write` has written, and those that are in the file for some rows, in the same order.
  [[nodiscard]] std::span<const std::byte> written() const noexcept { return buffer_; }
  [[nodiscard]] std::vector<std::byte> stored(RowRange rows);
  void sync() { file_.sync(); }

 private:
  void encode(std::span<const Table* const> tables);
  [[nodiscard]] std::vector<FitsExtent> extents(std::int64_t first_row, std::int64_t rows) const;
  FitsLayout layout_;
  std::vector<std::byte> buffer_;
  SharedFile file_;
};

/// Sum of all rows as they stand in the file, for a run in which rows were written twice.
[[nodiscard]] std::uint32_t fits_data_sum(const std::string& path, const FitsLayout& layout);

/// Fills in DATASUM and CHECKSUM after all rows are written. Rank 0.
void finish_fits(const std::string& path, const FitsLayout& layout, std::uint32_t data_sum);

}  // namespace skyfold
