#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "skyfold/table/table.hpp"
#include "source_file.hpp"

/// Where the rows of a text table begin and end.
///
/// A row ends at a line feed outside quotes. A quote opens a quoted cell only at the start of a cell (blanks before
/// it do not count); anywhere else it is a character like any other. Inside, a doubled quote stands for one.
namespace skyfold {

/// How bytes form cells.
struct TextDialect {
  char delimiter = ',';  ///< ' ': cells are separated by any run of spaces and tabs

  [[nodiscard]] bool by_blanks() const noexcept { return delimiter == ' '; }
  /// A space, or a tab that is not the delimiter.
  [[nodiscard]] bool is_blank(char c) const noexcept { return c == ' ' || (c == '\t' && delimiter != '\t'); }
};

/// No row may be longer, bytes: an opening quote without its end would swallow the rest of the file.
inline constexpr std::int64_t longest_row = std::int64_t{64} << 20;

/// After the quote that closes the cell whose content begins at `p`, or null when there is none before `end`.
[[nodiscard]] const char* after_closing_quote(const char* p, const char* end) noexcept;
/// After the first row that begins at `begin`, or null when it has no end before `end`.
[[nodiscard]] const char* row_end(const char* begin, const char* end, const TextDialect& dialect) noexcept;

/// Reads the rows that begin in a byte range, in blocks of whole rows. Memory: one block, or one row if that is longer.
class TextRowReader {
 public:
  /// @param begin  byte of the file where a row begins
  /// @param end    rows that begin here or later are not read
  /// @param block  bytes per block, about
  TextRowReader(const InputFile& file, TextDialect dialect, std::int64_t begin, std::int64_t end, std::int64_t block);

  /// The next block: whole rows, each with its line feed; nothing at the end. Valid until the next call.
  /// Throws DataError for a quote that is never closed or a row longer than `longest_row`.
  [[nodiscard]] std::string_view next();
  /// Byte of the file where the next block begins; after the last block, where the last row ends.
  [[nodiscard]] std::int64_t position() const noexcept { return at_; }
  /// True when a block so far had a quote.
  [[nodiscard]] bool saw_quotes() const noexcept { return saw_quotes_; }

 private:
  [[nodiscard]] std::string_view load(std::int64_t bytes);

  const InputFile& file_;
  TextDialect dialect_;
  std::int64_t at_, end_, block_;
  AlignedVector<char> buffer_;
  bool saw_quotes_ = false;
};

/// After the first line feed at or after byte `from`, or the size of the file. Throws DataError for an endless line.
[[nodiscard]] std::int64_t after_line_feed(const InputFile& file, std::int64_t from);
/// Where the row ends whose quoted cell `from` is in; nothing when its quote is not closed before `end`.
[[nodiscard]] std::optional<std::int64_t> end_of_quoted_row(const InputFile& file, const TextDialect& dialect, std::int64_t from,
                                                            std::int64_t end);

}  // namespace skyfold
