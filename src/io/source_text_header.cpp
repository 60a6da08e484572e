#include "source_text_header.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_text_cells.hpp"

namespace skyfold {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// The lines before the data: comments (without #), then the first line that is not one.
struct Preamble {
  std::vector<std::string> comments;
  std::string first;                  ///< first line that is neither blank nor a comment, with its line feed
  std::int64_t first_begin = 0;       ///< its place in the file
  std::int64_t first_end = 0;
};

template <bool by_blanks>
std::vector<std::string> cells_of(const std::string& line, const TextDialect& dialect) {
  std::vector<std::string> cells;
  const char* p = skip_blanks(line.data(), dialect);
  while (p) {
    Cell cell;
    p = read_cell<by_blanks>(p, line.data() + line.size(), dialect, cell);
    cells.push_back(cell.doubled ? undoubled(cell) : std::string(cell.text));
    p = next_cell<by_blanks>(p, dialect);
  }
  return cells;
}
/// Cells of a line that ends with a line feed.
std::vector<std::string> cells_of(const std::string& line, const TextDialect& dialect) {
  return dialect.by_blanks() ? cells_of<true>(line, dialect) : cells_of<false>(line, dialect);
}

void check_is_text(const InputFile& file, std::string_view start) {
  if (start.starts_with("\xFF\xFE") || start.starts_with("\xFE\xFF"))
    throw IoError(fmt::format("{}: is UTF-16 text (save it as UTF-8)", file.path()));
  if (start.find('\0') != std::string_view::npos)
    throw IoError(fmt::format("{}: is neither FITS, HDF5 nor text", file.path()));
  const std::size_t carriage = start.find('\r');
  if (carriage != std::string_view::npos && start.find('\n') == std::string_view::npos)
    throw DataError(fmt::format("{}: lines end with carriage returns alone (convert them to line feeds)", file.path()));
}

Preamble read_preamble(const InputFile& file) {
  const std::string start = file.text_at(0, 4096);
  check_is_text(file, start);
  Preamble preamble;
  for (std::int64_t at = start.starts_with(byte_order_mark) ? 3 : 0; at < file.size();) {
    const std::int64_t end = after_line_feed(file, at);
    std::string line = file.text_at(at, end - at);
    const std::string_view words = trim(line);
    if (words.starts_with('#')) {
      preamble.comments.emplace_back(words.substr(1));
    } else if (!words.empty()) {
      if (!line.ends_with('\n')) line += '\n';
      preamble.first = std::move(line);
      preamble.first_begin = at;
      preamble.first_end = end;
      return preamble;
    }
    at = end;
  }
  return preamble;
}

/// The most frequent of the usual delimiters outside quotes, a blank when there is none.
char guess_delimiter(std::string_view line) {
  constexpr std::string_view candidates = ",;\t|";
  std::size_t counts[candidates.size()] = {};
  bool quoted = false;
  for (const char c : trim(line)) {
    if (c == '"') quoted = !quoted;
    const std::size_t which = candidates.find(c);
    if (!quoted && which != std::string_view::npos) ++counts[which];
  }
  const auto most = std::max_element(std::begin(counts), std::end(counts));
  return *most == 0 ? ' ' : candidates[static_cast<std::size_t>(most - std::begin(counts))];
}

char delimiter_from(const std::string& option) {
  if (lower(option) == "tab" || option == "\\t") return '\t';
  if (option.size() != 1 || option == "\"" || option == "\n" || option == "#")
    throw UsageError(
        fmt::format("input.delimiter = '{}' (must be one character other than a quote, or 'tab')", option));
  return option.front();
}

/// True for a line that cannot be a header: a cell, or its first word, is a number.
bool is_data(const std::string& line, const TextDialect& dialect) {
  std::vector<std::string> cells = cells_of(line, dialect);
  cells.push_back(cells_of(line, TextDialect{' '}).front());
  return std::any_of(cells.begin(), cells.end(), [](const std::string& cell) { return kind_of(cell) & kind::number; });
}

/// The header of columns with these names.
TextHeader header_of(const TextDialect& dialect, std::int64_t data_begin, const std::vector<std::string>& names) {
  TextHeader header{dialect, data_begin, {}, std::vector<std::string>(names.size())};
  for (const std::string& name : names) {
    ColumnInfo& column = header.columns.emplace_back();
    column.name = column.source = name;
  }
  return header;
}

}  // namespace

TextHeader read_text_header(const InputFile& file, const std::string& delimiter, const std::vector<std::string>& names) {
  Preamble preamble = read_preamble(file);
  const auto dialect_of = [&](const std::string& line) {
    if (!delimiter.empty()) return TextDialect{delimiter_from(delimiter)};
    const std::optional<char> declared = ecsv_delimiter(preamble.comments);
    return TextDialect{declared ? *declared : guess_delimiter(line)};
  };
  std::string line = preamble.first;
  const bool has_header = !line.empty() && !is_data(line, dialect_of(line));
  const std::int64_t data_begin = has_header ? preamble.first_end : preamble.first.empty() ? file.size() : preamble.first_begin;
  if (!names.empty()) {
    check_names(file.path(), names);
    return header_of(dialect_of(line), data_begin, names);
  }
  if (!has_header) {  // names may stand in the last comment line
    if (preamble.comments.empty())
      throw DataError(fmt::format("{}: the first line has no column names (columns are used by name)", file.path()));
    line = preamble.comments.back() + '\n';
  }
  const TextDialect dialect = dialect_of(line);
  const std::vector<std::string> cells = cells_of(line, dialect);
  const bool index = cells.size() > 1 && cells.front().empty();  // pandas writes one without a name by default
  check_names(file.path(), {cells.begin() + (index ? 1 : 0), cells.end()});
  TextHeader header = header_of(dialect, data_begin, cells);
  apply_ecsv(preamble.comments, header);
  return header;
}

}  // namespace skyfold
