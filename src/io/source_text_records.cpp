// Where rows of text end: line feeds outside quotes (RFC 4180), found by memchr. Any range of a file can be cut into rows, once it
// is known whether it begins inside quotes.
#include "source_text_records.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

const char* find(const char* p, const char* end, char c) noexcept {
  return static_cast<const char*>(std::memchr(p, c, static_cast<std::size_t>(end - p)));
}
const char* find_last(const char* p, const char* end, char c) noexcept {
  return static_cast<const char*>(::memrchr(p, c, static_cast<std::size_t>(end - p)));
}

/// True when the quote at `p` is the first character of a cell; `begin` is the start of a row or of known text.
bool opens_cell(const char* p, const char* begin, const TextDialect& dialect) noexcept {
  if (dialect.by_blanks()) return p == begin || dialect.is_blank(p[-1]) || p[-1] == '\n';
  while (p != begin && dialect.is_blank(p[-1])) --p;
  return p == begin || p[-1] == dialect.delimiter || p[-1] == '\n';
}

/// After the first line feed outside quotes at or after `p`, which is outside quotes, or null.
const char* row_end_from(const char* p, const char* begin, const char* end, const TextDialect& dialect) noexcept {
  const char* feed = find(p, end, '\n');
  while (feed) {
    const char* quote = find(p, feed, '"');
    if (!quote) return feed + 1;
    p = quote + 1;
    // A quote within a cell, as in 5' 3", is a character.
    if (!opens_cell(quote, begin, dialect)) continue;
    p = after_closing_quote(p, end);
    if (!p) return nullptr;
    // The line feed that was found lay within quotes, and ends no row.
    if (p > feed) feed = find(p, end, '\n');
  }
  return nullptr;
}

/// After the last row that ends in the text, which begins with a row; `begin` when none does.
const char* last_row_end(const char* begin, const char* end, const TextDialect& dialect, bool& saw_quotes) noexcept {
  const char* last = begin;
  const char* p = begin;
  while (p != end) {
    const char* quote = find(p, end, '"');
    if (const char* feed = find_last(p, quote ? quote : end, '\n')) last = feed + 1;
    if (!quote) break;
    saw_quotes = true;
    p = opens_cell(quote, begin, dialect) ? after_closing_quote(quote + 1, end) : quote + 1;
    if (!p) break;
  }
  return last;
}

[[noreturn]] void throw_endless(const InputFile& file, std::int64_t at) {
  throw DataError(fmt::format("{}: the row at byte {} is longer than {} MiB (a quote that is never closed, or not a table?)", file.path(),
                              at, longest_row >> 20));
}

}  // namespace

const char* after_closing_quote(const char* p, const char* end) noexcept {
  while (p != end) {
    const char* quote = find(p, end, '"');
    if (!quote) return nullptr;
    // Two quotes are one character of the cell.
    if (quote + 1 == end || quote[1] != '"') return quote + 1;
    p = quote + 2;
  }
  return nullptr;
}

const char* row_end(const char* begin, const char* end, const TextDialect& dialect) noexcept {
  return row_end_from(begin, begin, end, dialect);
}

TextRowReader::TextRowReader(const InputFile& file, TextDialect dialect, std::int64_t begin, std::int64_t end, std::int64_t block)
    : file_(file), dialect_(dialect), at_(begin), end_(end), block_(block) {}

/// The bytes from the present position on; a last row without a line feed is given one.
std::string_view TextRowReader::load(std::int64_t bytes) {
  const auto count = static_cast<std::size_t>(std::min(bytes, file_.size() - at_));
  buffer_.resize(count + 1);
  file_.read_at(at_, std::span(buffer_.data(), count));
  // Then every row ends alike, and no loop has to ask.
  const bool add = at_ + static_cast<std::int64_t>(count) == file_.size() && buffer_[count - 1] != '\n';
  if (add) buffer_[count] = '\n';
  return {buffer_.data(), count + (add ? 1 : 0)};
}

std::string_view TextRowReader::next() {
  if (at_ >= end_) return {};
  // More is loaded as long as not one row ends in it: rows may be longer than a block.
  for (std::int64_t bytes = std::min(block_, end_ - at_);; bytes *= 2) {
    const std::string_view text = load(bytes);
    const char* begin = text.data();
    const char* end = begin + text.size();
    const bool beyond = at_ + bytes > end_;  // then only the first row is ours: the next one begins after end_
    const char* stop = beyond ? row_end(begin, end, dialect_) : last_row_end(begin, end, dialect_, saw_quotes_);
    if (stop && stop != begin) {
      at_ = std::min(at_ + (stop - begin), file_.size());
      return {begin, static_cast<std::size_t>(stop - begin)};
    }
    if (at_ + bytes >= file_.size()) throw DataError(fmt::format("{}: a quote in the row at byte {} is never closed", file_.path(), at_));
    if (bytes >= longest_row) throw_endless(file_, at_);
  }
}

std::int64_t after_line_feed(const InputFile& file, std::int64_t from) {
  for (std::int64_t bytes = 4096, at = from; at < file.size(); at += bytes, bytes *= 2) {
    const std::string text = file.text_at(at, bytes);
    const std::size_t feed = text.find('\n');
    if (feed != std::string::npos) return at + static_cast<std::int64_t>(feed) + 1;
    if (at - from > longest_row) throw_endless(file, from);
  }
  return file.size();
}

std::optional<std::int64_t> end_of_quoted_row(const InputFile& file, const TextDialect& dialect, std::int64_t from, std::int64_t end) {
  // The closing quote must lie before `end`, but the row may go on behind it; a quote at the very end of the text
  // could be the first of a pair, so one byte more is looked at.
  for (std::int64_t bytes = 65536;; bytes *= 2) {
    std::string text = file.text_at(from, bytes);
    const bool whole = from + bytes >= file.size();
    if (whole && text.ends_with('\n') == false) text += '\n';
    const char* begin = text.data();
    const char* closed = after_closing_quote(begin, begin + text.size());
    if (closed && closed == begin + text.size() && !whole) closed = nullptr;
    if (closed && from + (closed - begin) > end) return std::nullopt;
    if (closed)
      if (const char* stop = row_end_from(closed, begin, begin + text.size(), dialect)) return std::min(from + (stop - begin), file.size());
    if (whole || (!closed && from + bytes > end)) return std::nullopt;
    if (bytes >= longest_row) throw_endless(file, from);
  }
}

}  // namespace skyfold
