// The first pass over a text table, in parallel: rows, types and widths of columns, and places where reading can begin. Units are
// scanned as if they began outside quotes; those that turn out to begin inside are scanned again.
#include "source_text_scan.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "skyfold/core/error.hpp"
#include "source_convert.hpp"
#include "source_text_cells.hpp"

namespace skyfold {
namespace {

/// How closely the cells of a column are looked at, after the sample.
// Most cells need no second look: a column of real numbers stays one, whatever comes.
enum class Watch : std::uint8_t { kinds, width, nothing };

/// Rows of a range of the file.
struct RowsSeen {
  std::int64_t rows = 0;
  std::int64_t bad_rows = 0;          ///< with too few or too many cells
  std::int64_t cells_of_bad_row = 0;  ///< in the first of them
  std::vector<ColumnSeen> columns;
};

/// What is known about a unit once it is scanned.
// Quotes decide where rows end, and where a unit begins nobody knows what came before. So each is scanned as if it began outside
// quotes, and says how it would end in either case; the chain of these answers is then followed from the file's beginning.
struct UnitScan {
  RowsSeen seen;
  std::vector<Mark> marks;            ///< rows counted from the unit's first
  std::int64_t end = 0;               ///< byte where its last row ends
  bool ends_quoted = false;           ///< the next unit begins inside quotes, if this one began as it was scanned
  bool ends_quoted_if_quoted = true;  ///< the same if this one began inside quotes
  std::string problem;                ///< why it cannot be read, if it began as it was scanned
};

/// The first text and the first number of a column, to show to the user.
struct Example {
  std::int64_t row = -1;
  std::string cell;
};

/// Looks at every cell of rows of text.
class CellScanner {
 public:
  CellScanner(const TextDialect& dialect, std::vector<Watch> watch) : dialect_(dialect), watch_(std::move(watch)) {
    seen.columns.resize(watch_.size());
  }
  /// Keeps the first text, number and number beyond 64 bits of each column from now on.
  void keep_examples() { texts.resize(watch_.size()), numbers.resize(watch_.size()), larges.resize(watch_.size()); }

  /// Adds whole rows, at most until `seen.rows == limit`.
  void add(std::string_view block, std::int64_t limit) {
    dialect_.by_blanks() ? add_rows<true>(block, limit) : add_rows<false>(block, limit);
  }

  RowsSeen seen;
  std::vector<Example> texts, numbers, larges;

 private:
  template <bool by_blanks>
  void add_rows(std::string_view block, std::int64_t limit) {
    const char* end = block.data() + block.size();
    const char* p = next_row(block.data(), end, dialect_);
    while (p != end && seen.rows < limit) {
      p = next_row(add_row<by_blanks>(p, end), end, dialect_);
      ++seen.rows;
    }
  }

  template <bool by_blanks>
  const char* add_row(const char* p, const char* end) {
    std::size_t cells = 0;
    while (true) {
      Cell cell;
      const char* cell_end = read_cell<by_blanks>(p, end, dialect_, cell);
      if (cells < watch_.size()) look_at(cell, cells);
      ++cells;
      p = next_cell<by_blanks>(cell_end, dialect_);
      if (!p) {
        if (cells != watch_.size()) add_bad_row(cells);
        return after_line_of<by_blanks>(cell_end);
      }
    }
  }

  template <bool by_blanks>
  const char* after_line_of(const char* cell_end) const noexcept {
    return after_line(by_blanks ? skip_blanks(cell_end, dialect_) : cell_end);
  }

  void look_at(const Cell& cell, std::size_t column) {
    if (watch_[column] == Watch::nothing) return;
    ColumnSeen& about = seen.columns[column];
    about.width = std::max(about.width, static_cast<std::uint32_t>(without_padding(cell.text).size()));
    if (watch_[column] != Watch::kinds) return;
    const std::uint16_t kind = kind_of(cell.text);
    about.add_kind(kind);
    if (texts.empty()) return;
    if (kind & kind::text) keep(cell, texts[column]);
    if (kind & kind::number) keep(cell, numbers[column]);
    if (kind & kind::large) keep(cell, larges[column]);
  }

  void keep(const Cell& cell, Example& example) const {
    if (example.row < 0) example = {seen.rows, std::string(cell.text.substr(0, 40))};
  }

  void add_bad_row(std::size_t cells) {
    if (seen.bad_rows++ == 0) seen.cells_of_bad_row = static_cast<std::int64_t>(cells);
    // Its cells become missing ones, so that integer columns need a value for them.
    for (ColumnSeen& column : seen.columns) column.kinds |= kind::missing;
  }

  TextDialect dialect_;
  std::vector<Watch> watch_;
};

/// Where unit `k` begins: after the first line feed at its nominal border or later.
std::int64_t unit_begin(const InputFile& file, std::int64_t data_begin, std::int64_t unit, std::size_t k) {
  const std::int64_t nominal = data_begin + unit * static_cast<std::int64_t>(k);
  // One byte before, so that a border just behind a line feed is kept.
  return k == 0 ? data_begin : after_line_feed(file, std::min(nominal, file.size()) - 1);
}

/// True when byte `end`, which is behind a line feed, is inside quotes, for a range that begins inside quotes.
bool ends_quoted_from_quotes(const InputFile& file, const TextDialect& dialect, std::int64_t begin, std::int64_t end, std::int64_t block) {
  const auto first_row = end_of_quoted_row(file, dialect, begin, end);
  if (!first_row) return true;
  TextRowReader reader(file, dialect, *first_row, end, block);
  while (!reader.next().empty()) {
  }
  return reader.position() != end;
}

/// Scans the rows that begin in a unit.
class UnitScanner {
 public:
  UnitScanner(const InputFile& file, const TextHeader& header, const ScanSizes& sizes, std::int64_t unit, std::vector<Watch> watch)
      : file_(file), header_(header), sizes_(sizes), unit_(unit), watch_(std::move(watch)) {}

  [[nodiscard]] UnitScan scan(std::size_t k, bool begins_quoted) const {
    const std::int64_t begin = unit_begin(file_, header_.data_begin, unit_, k);
    const std::int64_t end = unit_begin(file_, header_.data_begin, unit_, k + 1);
    UnitScan result;
    bool quotes = begins_quoted;
    try {
      quotes = scan_range(begin, end, begins_quoted, result) || quotes;
    } catch (const DataError& error) {
      result.problem = error.what();  // of no interest if the unit did not begin as assumed
      quotes = true;
    }
    if (!begins_quoted && quotes) result.ends_quoted_if_quoted = guess_from_quotes(begin, end);
    return result;
  }

 private:
  /// Returns true when the range has quotes.
  bool scan_range(std::int64_t begin, std::int64_t end, bool begins_quoted, UnitScan& result) const {
    const auto first_row = begins_quoted ? end_of_quoted_row(file_, header_.dialect, begin, end) : begin;
    result.end = first_row.value_or(end);
    result.ends_quoted = !first_row || *first_row > end;
    result.seen.columns.resize(watch_.size());
    if (!first_row) return true;
    TextRowReader reader(file_, header_.dialect, *first_row, end, sizes_.block);
    CellScanner cells(header_.dialect, watch_);
    while (true) {
      const Mark mark{reader.position(), cells.seen.rows};
      const std::string_view block = reader.next();
      if (block.empty()) break;
      result.marks.push_back(mark);
      cells.add(block, INT64_MAX);
    }
    result.end = reader.position();
    result.ends_quoted = result.end > end;
    result.seen = cells.seen;
    return reader.saw_quotes();
  }

  [[nodiscard]] bool guess_from_quotes(std::int64_t begin, std::int64_t end) const {
    try {
      return ends_quoted_from_quotes(file_, header_.dialect, begin, end, sizes_.block);
    } catch (const DataError&) {
      return true;  // if it did begin inside quotes, scanning it so will say what is wrong
    }
  }

  const InputFile& file_;
  const TextHeader& header_;
  const ScanSizes& sizes_;
  std::int64_t unit_;
  std::vector<Watch> watch_;
};

/// Bytes of trivially copyable values, to pass a unit's result between processes of one program.
class Packer {
 public:
  template <class T>
  void add(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    text.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <class T>
  void add_all(const std::vector<T>& values) {
    add(values.size());
    for (const T& value : values) add(value);
  }
  std::string text;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view text) : text_(text) {}
  template <class T>
  void get(T& value) {
    std::memcpy(&value, text_.data(), sizeof value);
    text_.remove_prefix(sizeof value);
  }
  template <class T>
  void get_all(std::vector<T>& values) {
    std::size_t count = 0;
    get(count);
    values.resize(count);
    for (T& value : values) get(value);
  }
  [[nodiscard]] std::string rest() const { return std::string(text_); }

 private:
  std::string_view text_;
};

std::string pack(const UnitScan& unit) {
  Packer packer;
  packer.add(unit.seen.rows);
  packer.add(unit.end);
  packer.add(unit.ends_quoted);
  packer.add(unit.ends_quoted_if_quoted);
  packer.add_all(unit.seen.columns);
  packer.add_all(unit.marks);
  return packer.text + unit.problem;
}

UnitScan unpack(const std::string& text) {
  Unpacker unpacker(text);
  UnitScan unit;
  unpacker.get(unit.seen.rows);
  unpacker.get(unit.end);
  unpacker.get(unit.ends_quoted);
  unpacker.get(unit.ends_quoted_if_quoted);
  unpacker.get_all(unit.seen.columns);
  unpacker.get_all(unit.marks);
  unit.problem = unpacker.rest();
  return unit;
}

CellScanner scan_sample(const InputFile& file, const TextHeader& header, const ScanSizes& sizes) {
  CellScanner cells(header.dialect, std::vector<Watch>(header.columns.size(), Watch::kinds));
  cells.keep_examples();
  TextRowReader reader(file, header.dialect, header.data_begin, file.size(), sizes.block);
  // The first rows, whatever the ranks: what a column is must not depend on how the file was cut.
  while (cells.seen.rows < sizes.sample_rows) {
    const std::string_view block = reader.next();
    if (block.empty()) break;
    cells.add(block, sizes.sample_rows);
  }
  const RowsSeen& seen = cells.seen;
  if (seen.rows > 0 && seen.bad_rows == seen.rows)
    throw DataError(fmt::format("{}: the header names {} columns, but row 1 has {} cells (--input.columns gives other names)", file.path(),
                                header.columns.size(), seen.cells_of_bad_row));
  return cells;
}

/// What the cells of a column say together.
enum class Family : std::uint8_t { none, numbers, booleans, texts, mixture };

Family family_of(const ColumnSeen& seen) noexcept {
  const std::uint64_t numbers = seen.numbers, booleans = seen.booleans, texts = seen.texts, all = numbers + booleans + texts;
  constexpr std::uint64_t odd = 10;  // one cell in ten is the most that is taken for a slip
  if (all == 0) return seen.kinds & (kind::word | kind::dash) ? Family::texts : Family::none;
  if (texts == all) return Family::texts;
  if ((all - numbers) * odd <= all) return Family::numbers;
  if ((all - booleans) * odd <= all) return Family::booleans;
  return Family::mixture;
}
bool is_text(Family family) noexcept { return family == Family::texts || family == Family::mixture; }

bool declares(const std::string& declared, std::string_view family) { return declared.starts_with(family); }

Watch watch_for(const ColumnSeen& sample, const std::string& declared) {
  const Family family = family_of(sample);
  const bool has_values = sample.numbers + sample.booleans + sample.texts > 0;
  if (declares(declared, "string") || (has_values && is_text(family))) return Watch::width;
  if ((family == Family::numbers && (sample.kinds & kind::real)) || declares(declared, "float")) return Watch::nothing;
  return Watch::kinds;
}

/// The type of a column. The sample decides between numbers, booleans and text (unless it has missing cells only);
/// what does not fit it in later rows is a bad cell and read as missing.
void set_type(ColumnInfo& info, const std::string& declared, const ColumnSeen& sample, const ColumnSeen& all) {
  // The sample decides, so that a slip in row ten million does not make texts of all numbers.
  const ColumnSeen& decisive = sample.numbers + sample.booleans + sample.texts > 0 ? sample : all;
  const Family family = declares(declared, "string") ? Family::texts : declares(declared, "float") ? Family::numbers : family_of(decisive);
  const bool integers = family == Family::numbers && !(all.kinds & kind::real) && !declares(declared, "float");
  if (is_text(family) || (integers && (all.kinds & kind::large))) {
    info.type = Type::text;
    info.width = std::max<std::size_t>(1, all.width);
  } else if (family == Family::booleans) {
    info.type = Type::u1;
    if ((all.kinds & ~kind::boolean) != 0) info.null = missing_u1;
  } else if (integers) {
    info.type = Type::i8;
    if ((all.kinds & ~kind::integer) != 0) info.null = missing_i8;
  }
}

/// Says what a text column holds besides texts.
std::string mixture_of(const ColumnSeen& sample, const Example& text, const Example& number) {
  if (family_of(sample) != Family::mixture) return "";
  if (text.row < 0) return "text, since it has both numbers and truth values";
  if (number.row < 0) return fmt::format("text, since row {} has '{}' among truth values", text.row + 1, text.cell);
  return fmt::format("text, since row {} has '{}', though row {} has the number {}", text.row + 1, text.cell, number.row + 1, number.cell);
}

/// Says why a column of whole numbers is one of texts, unless all of them are that large. `all` counts the sample's cells twice.
std::string large_of(const ColumnInfo& info, const ColumnSeen& sample, const ColumnSeen& all, const Example& large) {
  const std::uint32_t n_large = all.large - sample.large, n_numbers = all.numbers - sample.numbers;
  if (info.type != Type::text || n_large == 0 || n_large == n_numbers || family_of(all) != Family::numbers) return "";
  return fmt::format("text, since {} of its {} whole numbers {} beyond 64 bits{}", n_large, n_numbers, n_large == 1 ? "is" : "are",
                     large.row < 0 ? "" : fmt::format(", such as {} in row {}", large.cell, large.row + 1));
}

/// Scans all units; those that turn out to begin inside quotes a second time.
std::vector<UnitScan> scan_units(const UnitScanner& scanner, std::size_t count, const ScanRunner& run) {
  std::vector<UnitScan> units;
  for (const std::string& result : run(count, [&](std::size_t k) { return pack(scanner.scan(k, false)); })) units.push_back(unpack(result));
  std::vector<std::size_t> again;
  bool quoted = false;
  for (std::size_t k = 0; k < count; ++k) {
    if (quoted) again.push_back(k);
    quoted = quoted ? units[k].ends_quoted_if_quoted : units[k].ends_quoted;
  }
  if (again.empty()) return units;
  const auto results = run(again.size(), [&](std::size_t i) { return pack(scanner.scan(again[i], true)); });
  for (std::size_t i = 0; i < again.size(); ++i) units[again[i]] = unpack(results[i]);
  return units;
}

}  // namespace

void ColumnSeen::add_kind(std::uint16_t kind) noexcept {
  kinds |= kind;
  if (kind & kind::number) numbers = sum(numbers, 1);
  if (kind & kind::boolean) booleans = sum(booleans, 1);
  if (kind & kind::text) texts = sum(texts, 1);
  if (kind & kind::large) large = sum(large, 1);
}

TextScan scan_text(const InputFile& file, const TextHeader& header, const ScanRunner& run, const ScanSizes& sizes) {
  const CellScanner sampled = scan_sample(file, header, sizes);
  const RowsSeen& sample = sampled.seen;
  std::vector<Watch> watch;
  for (std::size_t c = 0; c < header.columns.size(); ++c) watch.push_back(watch_for(sample.columns[c], header.declared[c]));
  constexpr std::int64_t most_units = 4096;  // their results are kept together in memory
  const std::int64_t bytes = file.size() - header.data_begin;
  const std::int64_t unit = std::max(sizes.unit, bytes / most_units);
  const auto count = static_cast<std::size_t>((bytes + unit - 1) / unit);
  const UnitScanner scanner(file, header, sizes, unit, std::move(watch));

  TextScan scan;
  std::vector<ColumnSeen> all = sample.columns;
  std::int64_t end = header.data_begin;
  for (const UnitScan& part : scan_units(scanner, count, run)) {
    // In order of the file: the user hears of the first one.
    if (!part.problem.empty()) throw DataError(part.problem);
    for (const Mark& mark : part.marks) scan.marks.push_back({mark.byte, scan.rows + mark.row});
    scan.rows += part.seen.rows;
    for (std::size_t c = 0; c < all.size(); ++c) all[c].add(part.seen.columns[c]);
    end = std::max(end, part.end);
  }
  scan.marks.push_back({end, scan.rows});
  scan.columns = header.columns;
  for (std::size_t c = 0; c < all.size(); ++c) {
    set_type(scan.columns[c], header.declared[c], sample.columns[c], all[c]);
    const bool has_words = (all[c].kinds & kind::text) && !(all[c].kinds & kind::plus);
    scan.dash_is_text.push_back(!has_words);
    scan.is_void.push_back(header.declared[c].empty() && all[c].numbers + all[c].booleans + all[c].texts == 0);
    const std::string mixture = mixture_of(sample.columns[c], sampled.texts[c], sampled.numbers[c]);
    scan.mixtures.push_back(declares(header.declared[c], "string") ? ""
                            : mixture.empty()                      ? large_of(scan.columns[c], sample.columns[c], all[c], sampled.larges[c])
                                                                   : mixture);
  }
  return scan;
}

}  // namespace skyfold
