#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "source_text_records.hpp"

/// Cells of one row of text. All pointers stay inside a block of whole rows (see source_text_records.hpp), so a line
/// feed always follows; nothing here allocates.
namespace skyfold {

/// The bytes of a cell, without blanks and quotes around it.
struct Cell {
  std::string_view text;
  bool doubled = false;  ///< has doubled quotes that stand for one
};

/// The text without trailing blanks, which quotes may have kept: they are no part of a text.
inline std::string_view without_padding(std::string_view text) noexcept {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}
/// Without blanks at both ends: numbers and words for missing have none.
inline std::string_view without_blanks(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return without_padding(text);
}

/// What a cell can be; bits, so that the cells of a column add up.
namespace kind {
inline constexpr std::uint16_t missing = 1;  ///< nothing, or what never is a value: see is_missing
inline constexpr std::uint16_t integer = 2, large = 4, real = 8, boolean = 16, text = 32;
inline constexpr std::uint16_t word = 64;   ///< missing among numbers, a text among texts: see is_missing_word
inline constexpr std::uint16_t dash = 128;  ///< "-": missing, but in a column of signs
inline constexpr std::uint16_t plus = 256;  ///< "+", a text that makes dashes signs
inline constexpr std::uint16_t number = integer | large | real;
}  // namespace kind

/// Empty, nan and null (any case), "--" and longer dashes, \N, N/A, #N/A, <NA>, (null), and what Microsoft's libraries print
/// for NaN: never a value, in columns of any type.
[[nodiscard]] bool is_missing(std::string_view text) noexcept;
/// NA, None, nil, masked, INDEF, undef, undefined, missing (any case), runs of asterisks or dots, "?", "~", "-": missing in columns
/// of numbers, but texts that are kept in columns of text (a star is "*").
[[nodiscard]] bool is_missing_word(std::string_view text) noexcept;
/// Bits of `kind`; `large` is an integer beyond 64 bits.
[[nodiscard]] std::uint16_t kind_of(std::string_view text) noexcept;
/// 0, 1, or -1 when the text is not true or false (any case).
[[nodiscard]] int boolean_of(std::string_view text) noexcept;
/// The text with doubled quotes made single.
[[nodiscard]] std::string undoubled(const Cell& cell);

/// A line feed, or a carriage return before one.
inline bool ends_line(const char* p) noexcept { return *p == '\n' || (*p == '\r' && p[1] == '\n'); }

/// Skips blanks.
inline const char* skip_blanks(const char* p, const TextDialect& dialect) noexcept {
  while (dialect.is_blank(*p)) ++p;
  return p;
}

/// True when `p` is where a cell ends: at a delimiter or the end of the line.
template <bool by_blanks>
bool ends_cell(const char* p, char delimiter) noexcept {
  if constexpr (by_blanks) return *p == ' ' || *p == '\t' || ends_line(p);
  return *p == delimiter || ends_line(p);
}

/// The cell at `p`, which is behind blanks; returns the place of the delimiter or line end behind it.
///
/// @param end  end of the block: a closing quote is not looked for beyond
template <bool by_blanks>
const char* read_cell(const char* p, const char* end, const TextDialect& dialect, Cell& cell) noexcept {
  const char* begin = p;
  const char* closed = *p == '"' ? after_closing_quote(p + 1, end) : nullptr;
  if (closed && closed != end)
    p = closed;
  else
    closed = nullptr;
  while (!ends_cell<by_blanks>(p, dialect.delimiter)) ++p;
  const char* last = p;
  while (last > begin && dialect.is_blank(last[-1])) --last;
  cell.text = {begin, static_cast<std::size_t>(last - begin)};
  cell.doubled = false;
  if (closed && closed == last) {
    cell.text = {begin + 1, static_cast<std::size_t>(last - begin - 2)};
    cell.doubled = cell.text.find('"') != std::string_view::npos;
  }
  return p;
}

/// Steps from the end of a cell to the next cell's first character (behind blanks); null at the end of the line.
template <bool by_blanks>
const char* next_cell(const char* p, const TextDialect& dialect) noexcept {
  if constexpr (by_blanks) {
    p = skip_blanks(p, dialect);
    return ends_line(p) ? nullptr : p;
  }
  return ends_line(p) ? nullptr : skip_blanks(p + 1, dialect);
}

/// After the line feed of a row of which `p` is the end of the last cell.
inline const char* after_line(const char* p) noexcept { return p + (*p == '\r' ? 2 : 1); }

/// The first cell of the next row, behind empty lines; `end` when the block has no more rows.
inline const char* next_row(const char* p, const char* end, const TextDialect& dialect) noexcept {
  while (p != end) {
    p = skip_blanks(p, dialect);
    if (!ends_line(p)) return p;
    p = after_line(p);
  }
  return end;
}

/// What the slow ways of reading a number find: exponents as Fortran writes them (1.5D+01, 1.5d1, 1.5Q+01, 1.5+101), numbers too
/// small for the type (0), infinities of Microsoft's libraries.
enum class Reading : std::uint8_t { number, too_large, none };
/// The text, which has no leading +, as a number in one of these ways.
[[nodiscard]] Reading read_real(std::string_view text, double& value) noexcept;
/// A whole number that is written as a real one, 12.0 or 1.2e1; below 2^53, so that no digit is lost.
[[nodiscard]] bool read_whole(std::string_view text, std::int64_t& value) noexcept;

/// The whole text as a number, a leading + allowed; false when it is not one, or too large.
template <class T>
bool parse_cell(std::string_view text, T& value) noexcept {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && stop == text.data() + text.size()) return true;
  if constexpr (std::is_floating_point_v<T>) {
    double slow = 0.0;
    if (read_real(text, slow) != Reading::number) return false;
    value = static_cast<T>(slow);
    return std::isfinite(value) || !std::isfinite(slow);
  } else if constexpr (sizeof(T) == 8) {
    return read_whole(text, value);
  }
  return false;
}

}  // namespace skyfold
