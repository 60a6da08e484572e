#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "source_text_records.hpp"

/// Cells of one row of text. All pointers stay inside a block of whole rows (see source_text_records.hpp), so a line
/// feed always follows; nothing here allocates.
namespace skyfold {

/// The bytes of a cell, without blanks and quotes around it.
struct Cell {
  std::string_view text;
  bool doubled = false;   ///< has doubled quotes that stand for one
};

/// What a cell can be; bits, so that the cells of a column add up.
namespace kind {
inline constexpr std::uint8_t missing = 1, integer = 2, large = 4, real = 8, boolean = 16, text = 32;
inline constexpr std::uint8_t number = integer | large | real;
}  // namespace kind

/// Empty, NaN, null (any case), "--" or \N.
[[nodiscard]] bool is_missing(std::string_view text) noexcept;
/// Bits of `kind`; `large` is an integer beyond 64 bits.
[[nodiscard]] std::uint8_t kind_of(std::string_view text) noexcept;
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
  if (closed && closed != end) p = closed;
  else closed = nullptr;
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

/// The whole text as a number, a leading + allowed; false when it is not one.
template <class T>
bool parse_cell(std::string_view text, T& value) noexcept {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && stop == text.data() + text.size();
}

}  // namespace skyfold
