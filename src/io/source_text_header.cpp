// What stands above the rows of a text table: a line of names, comments with names, numbered comment lines of SExtractor, units and
// dashes of VizieR. What does not name the columns for sure is refused, with the line, and the option that says it.
#include "source_text_header.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_text_cells.hpp"
#include "source_text_names.hpp"

namespace skyfold {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// The lines before the data: comments (without #), then the first line that is not one.
struct Preamble {
  std::vector<std::string> comments;
  std::string first;             ///< first line that is neither blank nor a comment, with its line feed
  std::int64_t first_begin = 0;  ///< its place in the file
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
  // Told apart from a damaged file: spreadsheets save such texts, and one click mends it.
  if (start.starts_with("\xFF\xFE") || start.starts_with("\xFE\xFF"))
    throw IoError(fmt::format("{}: is UTF-16 text (save it as UTF-8)", file.path()));
  if (start.find('\0') != std::string_view::npos) throw IoError(fmt::format("{}: is neither FITS, HDF5 nor text", file.path()));
  const std::size_t carriage = start.find('\r');
  if (carriage != std::string_view::npos && start.find('\n') == std::string_view::npos)
    throw DataError(fmt::format("{}: lines end with carriage returns alone (convert them to line feeds)", file.path()));
  refuse_other_tables(file.path(), start.substr(start.starts_with(byte_order_mark) ? byte_order_mark.size() : 0));
}

Preamble read_preamble(const InputFile& file) {
  const std::string start = file.text_at(0, 16'384);
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
  // The first of equally many, in the order above: commas are the most usual.
  const auto most = std::max_element(std::begin(counts), std::end(counts));
  return *most == 0 ? ' ' : candidates[static_cast<std::size_t>(most - std::begin(counts))];
}

char delimiter_from(const std::string& option) {
  if (lower(option) == "tab" || option == "\\t") return '\t';
  if (option.size() != 1 || option == "\"" || option == "\n" || option == "#")
    throw UsageError(fmt::format("input.delimiter = '{}' (must be one character other than a quote, or 'tab')", option));
  return option.front();
}

/// True for a line that cannot be a header: a cell, or its first word, is a number.
bool is_data(const std::string& line, const TextDialect& dialect) {
  std::vector<std::string> cells = cells_of(line, dialect);
  // By blanks as well: with a wrongly guessed delimiter the whole line may look like one text.
  cells.push_back(cells_of(line, TextDialect{' '}).front());
  return std::any_of(cells.begin(), cells.end(), [](const std::string& cell) { return kind_of(cell) & kind::number; });
}

std::string line_at(const InputFile& file, std::int64_t& at) {
  const std::int64_t end = after_line_feed(file, at);
  std::string line = file.text_at(at, end - at);
  if (!line.ends_with('\n')) line += '\n';
  at = end;
  return line;
}

/// Finds out what the lines above the rows say.
class HeaderReader {
 public:
  HeaderReader(const InputFile& file, const TextWishes& wishes) : file_(file), wishes_(wishes), lines_(read_preamble(file)) {}

  // The order decides: names that the user gives, then a line of names, then comments, from the surest sign to the weakest.
  TextHeader read() {
    const bool is_names = !lines_.first.empty() && !is_data(lines_.first, dialect_of(lines_.first));
    header_.dialect = dialect_of(lines_.first);
    header_.data_begin = is_names ? lines_.first_end : lines_.first.empty() ? file_.size() : lines_.first_begin;
    if (!wishes_.names.empty()) {
      check_names(file_.path(), wishes_.names);
      set_names(wishes_.names);
      // A header that is replaced is said, since a first row of texts would look just the same.
      if (is_names) {
        skip_units(false);
        header_.remark =
            fmt::format("the first line is taken for a header, which --input.columns replaces: '{}'", trim(lines_.first).substr(0, 60)) +
            (header_.remark.empty() ? "" : "; " + header_.remark);
      }
    } else if (is_names) {
      take_first_line();
    } else {
      take_comments();
    }
    for (const std::string& name : wishes_.texts) declare_text(name);
    header_.data_end = end_of_rows();
    return std::move(header_);
  }

 private:
  TextDialect dialect_of(const std::string& line) const {
    if (!wishes_.delimiter.empty()) return {delimiter_from(wishes_.delimiter)};
    const std::optional<char> declared = ecsv_delimiter(lines_.comments);
    return {declared ? *declared : guess_delimiter(line)};
  }

  void set_names(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      ColumnInfo& column = header_.columns.emplace_back();
      column.name = column.source = name;
    }
    header_.declared.resize(names.size());
  }

  /// Names as they stand in the file; pandas writes an index without a name by default.
  void set_names_of_file(const std::vector<std::string>& cells) {
    const bool index = cells.size() > 1 && cells.front().empty();
    check_names(file_.path(), {cells.begin() + (index ? 1 : 0), cells.end()});
    // The unnamed index stays in the list, so that columns keep their places; it is left out later.
    set_names(cells);
  }

  void take_first_line() {
    const std::vector<std::string> names = cells_of(lines_.first, header_.dialect);
    std::int64_t at = header_.data_begin;
    const NumberedColumns numbered = numbered_columns(lines_.comments, names.size());
    const bool repeats = !numbered.columns.empty() && std::ranges::equal(names, numbered.columns, {}, {}, &ColumnInfo::name);
    // A file without a header and without #: the first line would silently give its words as names, and be missing as a row.
    if (header_.dialect.by_blanks() && !repeats && at < file_.size() && names.size() > 2 && !read_like_names(names))
      refuse_prose(lines_.first);
    set_names_of_file(names);
    skip_units(true);
    apply_ecsv(lines_.comments, header_);
  }

  /// Units and dashes below the names, as in VizieR's tables; the line of dashes proves that the other one has units.
  void skip_units(bool takes_units) {
    std::int64_t at = header_.data_begin;
    std::vector<std::string> units;
    for (int line = 0; line < 2 && at < file_.size(); ++line) {
      const std::vector<std::string> cells = cells_of(line_at(file_, at), header_.dialect);
      // Units may have blanks between them that split otherwise; dashes have none.
      if (cells.size() != header_.columns.size() && !(line == 0 && !header_.dialect.by_blanks())) return;
      if (cells.size() == header_.columns.size() && are_dashes(cells)) {
        header_.data_begin = at;
        for (std::size_t c = 0; takes_units && c < units.size() && c < header_.columns.size(); ++c)
          header_.columns[c].unit = unit_of(units[c]);
        header_.remark = units.empty() ? "a line of dashes below the names is skipped" : "units are those of the line above the dashes";
        return;
      }
      if (std::any_of(cells.begin(), cells.end(), [](const std::string& cell) { return (kind_of(cell) & kind::number) != 0; })) return;
      units = cells;
    }
  }

  void take_comments() {
    if (lines_.comments.empty())
      throw DataError(fmt::format("{}: the first line has no column names (columns are used by name)", file_.path()));
    if (!lines_.first.empty() && !ecsv_delimiter(lines_.comments)) {
      // From the surest to the weakest sign of names.
      if (take_numbered()) return;
      if (take_last_names()) return;
      if (take_only_names()) return;
    }
    take_last_as_it_is();
  }

  /// Cells of the first row, as a comment line with a delimiter of its own, or the row itself, tells them apart.
  std::size_t cells_in_row(const std::string& names_line) {
    const TextDialect by_names = dialect_of(names_line), by_row = dialect_of(lines_.first);
    const std::size_t names = cells_of(names_line, by_names).size(), cells = cells_of(lines_.first, by_names).size();
    // Names may be separated by commas above rows that are separated by blanks, and the other way round.
    header_.dialect = cells == names && (names > 1 || by_names.delimiter == by_row.delimiter) ? by_names : by_row;
    return cells_of(lines_.first, header_.dialect).size();
  }

  bool take_numbered() {
    header_.dialect = dialect_of(lines_.first);
    const std::size_t cells = cells_of(lines_.first, header_.dialect).size();
    NumberedColumns numbered = numbered_columns(lines_.comments, cells);
    if (numbered.columns.empty()) {
      counted_ = numbered.counted;
      return false;
    }
    std::vector<std::string> names;
    for (const ColumnInfo& column : numbered.columns) names.push_back(column.name);
    check_names(file_.path(), names);
    header_.columns = std::move(numbered.columns);
    header_.declared.resize(names.size());
    header_.remark = fmt::format("names of {} columns from numbered comment lines", names.size());
    return true;
  }

  static std::string without_marks(const std::string& comment) {
    const std::size_t begin = comment.find_first_not_of("# \t");
    std::string words = begin == std::string::npos ? "" : comment.substr(begin);
    for (const std::string_view word : {"columns:", "column names:", "names:", "fields:", "header:"})
      if (lower(words).starts_with(word)) words = std::string(trim(std::string_view(words).substr(word.size())));
    return words + "\n";
  }
  static bool has_letters(const std::string& comment) {
    return std::any_of(comment.begin(), comment.end(), [](unsigned char c) { return std::isalpha(c) || c >= 0x80; });
  }

  /// The cells of a comment line when they can be the names of the first row's cells, else none.
  std::vector<std::string> names_in(const std::string& comment) {
    const std::string line = without_marks(comment);
    for (const TextDialect& dialect : {dialect_of(line), dialect_of(lines_.first)}) {
      std::vector<std::string> cells = cells_of(line, dialect);
      if (cells.size() == cells_in_row(line) && read_like_names(cells) && !are_parts_of_a_sentence(cells)) return cells;
    }
    return {};
  }

  /// The last comment line with letters, or the one before when the last has units.
  bool take_last_names() {
    std::ptrdiff_t last = std::ssize(lines_.comments) - 1;
    while (last >= 0 && !has_letters(lines_.comments[static_cast<std::size_t>(last)])) --last;
    if (last < 0) return false;
    const std::string& comment = lines_.comments[static_cast<std::size_t>(last)];
    const std::vector<std::string> cells = cells_of(without_marks(comment), dialect_of(without_marks(comment)));
    // As TOPCAT and some pipelines write: a line of names, below it one of units, both behind #.
    if (last > 0 && cells.size() == cells_in_row(without_marks(comment)) && are_units(cells)) {
      const std::vector<std::string> above = names_in(lines_.comments[static_cast<std::size_t>(last - 1)]);
      if (!above.empty()) {
        set_names_of_file(above);
        for (std::size_t c = 0; c < cells.size(); ++c) header_.columns[c].unit = unit_of(cells[c]);
        header_.remark = "names and units from the last two comment lines";
        return true;
      }
    }
    const std::vector<std::string> names = names_in(comment);
    if (names.empty()) return false;
    set_names_of_file(names);
    return true;
  }

  /// The only comment line that can be one of names.
  bool take_only_names() {
    std::vector<std::string> found;
    std::size_t lines = 0;
    for (const std::string& comment : lines_.comments) {
      const std::vector<std::string> names = names_in(comment);
      if (names.size() < 2) continue;
      found = names;
      ++lines;
    }
    if (lines != 1) return false;
    (void)cells_in_row(join(found, " ") + "\n");
    set_names_of_file(found);
    header_.remark = fmt::format("names from the comment line '{}'", join(found, " ").substr(0, 60));
    return true;
  }

  /// What is left: a line with another number of names than the row has cells, which the scan of the rows tells about.
  void take_last_as_it_is() {
    const std::string line = lines_.comments.back() + '\n';
    header_.dialect = dialect_of(line);
    const std::vector<std::string> names = cells_of(line, header_.dialect);
    if (!lines_.first.empty() && !ecsv_delimiter(lines_.comments)) {
      if (counted_ > 0)
        throw DataError(fmt::format("{}: the comment lines number {} columns, but row 1 has {} cells (--input.columns gives the names)",
                                    file_.path(), counted_, cells_of(lines_.first, dialect_of(lines_.first)).size()));
      if (!read_like_names(names) || are_parts_of_a_sentence(names) || !read_like_names(cells_of(line, TextDialect{' '})))
        refuse_prose(lines_.comments.back());
    }
    set_names_of_file(names);
    apply_ecsv(lines_.comments, header_);
  }

  [[noreturn]] void refuse_prose(const std::string& line) const {
    throw DataError(fmt::format("{}: the line above the rows does not name columns: '{}' (--input.columns=NAME,NAME... gives the names)",
                                file_.path(), trim(line).substr(0, 60)));
  }

  void declare_text(const std::string& name) {
    std::vector<std::string> names;
    for (std::size_t c = 0; c < header_.columns.size(); ++c) {
      if (header_.columns[c].name == name) {
        header_.declared[c] = "string";
        return;
      }
      names.push_back(header_.columns[c].name);
    }
    const std::string nearest = nearest_name(name, names);
    throw UsageError(fmt::format("{}: no column '{}' (named by --input.text{})", file_.path(), name,
                                 nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
  }

  /// Without comment lines behind the last row, which have another number of cells than a row.
  std::int64_t end_of_rows() const {
    constexpr std::int64_t longest = 65'536;
    const std::int64_t begin = std::max(header_.data_begin, file_.size() - longest);
    std::string tail = file_.text_at(begin, longest);
    std::size_t end = tail.size();
    // From the end, line by line, over blank lines and remarks, to the last row.
    while (end > 0) {
      const std::size_t feed = end > 1 ? tail.rfind('\n', end - 2) : std::string::npos;
      const bool is_whole = feed != std::string::npos || begin == header_.data_begin;
      const std::size_t first = feed == std::string::npos ? 0 : feed + 1;
      const std::string line = tail.substr(first, end - first);
      const std::string_view words = trim(line);
      // Inside quotes a # is a character like others, and a line may be half of a row.
      if (!is_whole || line.find('"') != std::string::npos) break;
      if (!words.empty() && (words.front() != '#' || cells_of(std::string(words) + '\n', header_.dialect).size() == header_.columns.size()))
        break;
      end = first;
    }
    return begin + static_cast<std::int64_t>(end);
  }

  const InputFile& file_;
  const TextWishes& wishes_;
  Preamble lines_;
  TextHeader header_;
  std::size_t counted_ = 0;  ///< columns that numbered comment lines have, which are not those of the row
};

}  // namespace

TextHeader read_text_header(const InputFile& file, const TextWishes& wishes) { return HeaderReader(file, wishes).read(); }

}  // namespace skyfold
