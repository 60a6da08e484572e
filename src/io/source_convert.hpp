#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/io/source.hpp"

namespace skyfold {

/// Integers that stand for "missing" where the file has no value of its own for it.
inline constexpr std::int64_t missing_i8 = INT64_MIN;
inline constexpr std::int64_t missing_i4 = INT32_MIN;
inline constexpr std::int64_t missing_u1 = 255;

/// Throws DataError for empty or repeated column names.
void check_names(const std::string& path, const std::vector<std::string>& names);

/// The input's column for each column of `out`, by `info().source`.
/// Throws DataError that names a column the input does not have, or says why it was left out.
std::vector<std::size_t> match_columns(const Source& source, const Table& out);

/// True when values of `from` are stored in `to` as they are.
[[nodiscard]] bool same_layout(const ColumnInfo& from, const ColumnInfo& to) noexcept;

/// Throws DataError unless every value of `from` fits `to` (i8 to f8 and whole numbers in f8 or f4 to i8 are
/// allowed: `widen` checks each value).
void check_widening(const std::string& path, const ColumnInfo& from, const ColumnInfo& to);

/// Values of a binary column in another representation; missing values become the other's missing values. A value that means
/// "missing" on one side alone is a bad cell.
///
/// @param first_row  row of the file of the first value, for `bad`
/// @param values     as laid out by `from`
/// @param out        as laid out by `to`, the same number of rows
void widen(const ColumnInfo& from, const ColumnInfo& to, std::int64_t first_row, std::span<const std::byte> values,
           std::span<std::byte> out, std::vector<BadCell>& bad);

/// Texts of `width` bytes each without what follows a NUL and without trailing blanks, which are no part of a FITS string (FITS
/// Standard 4.0, section 7.3.3) and are padding elsewhere; NULs take their place.
void strip_padding(std::span<std::byte> texts, std::size_t width) noexcept;

/// Cuts `rows` rows into pieces of `step` rows.
[[nodiscard]] std::vector<Piece> even_pieces(std::int64_t rows, std::int64_t step);

}  // namespace skyfold
