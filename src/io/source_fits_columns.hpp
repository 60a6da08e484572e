#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "skyfold/io/source.hpp"
#include "source_fits_header.hpp"

namespace skyfold {

/// Representations of values in a binary table (FITS Standard 4.0, table 18), and text cells of an ASCII table.
enum class FitsForm : std::uint8_t { logical, bit, u1, i2, i4, i8, f4, f8, text, ascii_integer, ascii_real };

/// A column of a FITS table: what it is for skyfold, and how its bytes are decoded.
struct FitsColumn {
  ColumnInfo info;
  FitsForm form = FitsForm::f8;
  std::size_t offset = 0;  ///< bytes from the start of a row
  std::size_t bytes = 0;   ///< per row, in the file
  bool scaled = false;     ///< value = zero + scale x stored, as f8
  double scale = 1.0, zero = 0.0;
  std::uint64_t bias = 0;  ///< added to stored integers, modulo 2^64 (the convention for unsigned types)
  bool is_unsigned_64 = false;
  std::optional<std::int64_t> null = {};  ///< stored integer that stands for missing
  std::string null_text;                  ///< the same in ASCII tables
  bool is_encoded = false;                ///< of texts: bytes beyond ASCII are written as %XX
  int decimals = 0;                       ///< of an ASCII number without a decimal point
};

/// Columns of a table; those that cannot be held go to `left_out`. Throws DataError for a header that contradicts
/// itself.
[[nodiscard]] std::vector<FitsColumn> fits_columns(const std::string& path, const FitsHeader& header, std::int64_t row_bytes,
                                                   std::vector<LeftOut>& left_out);

/// Decodes a column of whole rows.
///
/// @param rows      bytes of rows, `row_bytes` each
/// @param first     row of the file of the first one, for `bad`
/// @param out       values as laid out by `column.info`
void decode_fits(const FitsColumn& column, std::span<const char> rows, std::size_t row_bytes, std::int64_t first, std::span<std::byte> out,
                 std::vector<BadCell>& bad);

}  // namespace skyfold
