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
enum class Watch : std::uint8_t { kinds, width, nothing };

/// Rows of a range of the file.
struct RowsSeen {
  std::int64_t rows = 0;
  std::int64_t bad_rows = 0;          ///< with too few or too many cells
  std::int64_t cells_of_bad_row = 0;  ///< in the first of them
  std::vector<ColumnSeen> columns;
};

/// What is known about a unit once it is scanned.
struct UnitScan {
  RowsSeen seen;
  std::vector<Mark> marks;                ///< rows counted from the unit's first
  std::int64_t end = 0;                   ///< byte where its last row ends
  bool ends_quoted = false;               ///< the next unit begins inside quotes, if this one began as it was scanned
  bool ends_quoted_if_quoted = true;      ///< the same if this one began inside quotes
  std::string problem;                    ///< why it cannot be read, if it began as it was scanned
};

/// Looks at every cell of rows of text.
class CellScanner {
 public:
  CellScanner(const TextDialect& dialect, std::vector<Watch> watch) : dialect_(dialect), watch_(std::move(watch)) {
    seen.columns.resize(watch_.size());
  }

  /// Adds whole rows, at most until `seen.rows == limit`.
  void add(std::string_view block, std::int64_t limit) {
    dialect_.by_blanks() ? add_rows<true>(block, limit) : add_rows<false>(block, limit);
  }

  RowsSeen seen;

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
      if (cells < watch_.size()) look_at(cell, watch_[cells], seen.columns[cells]);
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

  static void look_at(const Cell& cell, Watch watch, ColumnSeen& column) {
    if (watch == Watch::nothing) return;
    column.width = std::max(column.width, static_cast<std::uint32_t>(cell.text.size()));
    if (watch == Watch::kinds) column.kinds |= kind_of(cell.text);
  }

  void add_bad_row(std::size_t cells) {
    if (seen.bad_rows++ == 0) seen.cells_of_bad_row = static_cast<std::int64_t>(cells);
    for (ColumnSeen& column : seen.columns) column.kinds |= kind::missing;
  }

  TextDialect dialect_;
  std::vector<Watch> watch_;
};

/// Where unit `k` begins: after the first line feed at its nominal border or later.
std::int64_t unit_begin(const InputFile& file, std::int64_t data_begin, std::int64_t unit, std::size_t k) {
  const std::int64_t nominal = data_begin + unit * static_cast<std::int64_t>(k);
  return k == 0 ? data_begin : after_line_feed(file, std::min(nominal, file.size()) - 1);
}

/// True when byte `end`, which is behind a line feed, is inside quotes, for a range that begins inside quotes.
bool ends_quoted_from_quotes(const InputFile& file, const TextDialect& dialect, std::int64_t begin, std::int64_t end,
                             std::int64_t block) {
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
  UnitScanner(const InputFile& file, const TextHeader& header, const ScanSizes& sizes, std::int64_t unit,
              std::vector<Watch> watch)
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

RowsSeen scan_sample(const InputFile& file, const TextHeader& header, const ScanSizes& sizes) {
  CellScanner cells(header.dialect, std::vector<Watch>(header.columns.size(), Watch::kinds));
  TextRowReader reader(file, header.dialect, header.data_begin, file.size(), sizes.block);
  while (cells.seen.rows < sizes.sample_rows) {
    const std::string_view block = reader.next();
    if (block.empty()) break;
    cells.add(block, sizes.sample_rows);
  }
  const RowsSeen& seen = cells.seen;
  if (seen.rows > 0 && seen.bad_rows == seen.rows)
    throw DataError(fmt::format("{}: the header names {} columns, but row 1 has {} cells (--input.columns gives other names)", file.path(),
                                header.columns.size(), seen.cells_of_bad_row));
  return seen;
}

bool is_text(std::uint8_t kinds) noexcept {
  return (kinds & kind::text) || ((kinds & kind::boolean) && (kinds & kind::number));
}

bool declares(const std::string& declared, std::string_view family) { return declared.starts_with(family); }

Watch watch_for(const ColumnSeen& sample, const std::string& declared) {
  if (is_text(sample.kinds) || declares(declared, "string")) return Watch::width;
  if ((sample.kinds & kind::real) || declares(declared, "float")) return Watch::nothing;
  return Watch::kinds;
}

/// The type of a column. The sample decides between numbers, booleans and text (unless it has missing cells only);
/// what does not fit it in later rows is a bad cell and read as missing.
void set_type(ColumnInfo& info, const std::string& declared, const ColumnSeen& sample, const ColumnSeen& all) {
  const std::uint8_t decisive = sample.kinds & ~kind::missing ? sample.kinds : all.kinds;
  const bool integers = (decisive & kind::number) && !(all.kinds & kind::real) && !declares(declared, "float");
  const bool has_missing = (all.kinds & ~(kind::integer | kind::boolean)) != 0;
  if (is_text(decisive) || declares(declared, "string") || (integers && (all.kinds & kind::large))) {
    info.type = Type::text;
    info.width = std::max<std::size_t>(1, all.width);
  } else if (decisive & kind::boolean) {
    info.type = Type::u1;
    if (has_missing || (all.kinds & kind::number)) info.null = missing_u1;
  } else if (integers) {
    info.type = Type::i8;
    if (has_missing || (all.kinds & kind::boolean)) info.null = missing_i8;
  }
}

/// Scans all units; those that turn out to begin inside quotes a second time.
std::vector<UnitScan> scan_units(const UnitScanner& scanner, std::size_t count, const ScanRunner& run) {
  std::vector<UnitScan> units;
  for (const std::string& result : run(count, [&](std::size_t k) { return pack(scanner.scan(k, false)); }))
    units.push_back(unpack(result));
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

TextScan scan_text(const InputFile& file, const TextHeader& header, const ScanRunner& run, const ScanSizes& sizes) {
  const RowsSeen sample = scan_sample(file, header, sizes);
  std::vector<Watch> watch;
  for (std::size_t c = 0; c < header.columns.size(); ++c)
    watch.push_back(watch_for(sample.columns[c], header.declared[c]));
  constexpr std::int64_t most_units = 4096;  // their results are kept together in memory
  const std::int64_t bytes = file.size() - header.data_begin;
  const std::int64_t unit = std::max(sizes.unit, bytes / most_units);
  const auto count = static_cast<std::size_t>((bytes + unit - 1) / unit);
  const UnitScanner scanner(file, header, sizes, unit, std::move(watch));

  TextScan scan;
  std::vector<ColumnSeen> all = sample.columns;
  std::int64_t end = header.data_begin;
  for (const UnitScan& part : scan_units(scanner, count, run)) {
    if (!part.problem.empty()) throw DataError(part.problem);
    for (const Mark& mark : part.marks) scan.marks.push_back({mark.byte, scan.rows + mark.row});
    scan.rows += part.seen.rows;
    for (std::size_t c = 0; c < all.size(); ++c) all[c].add(part.seen.columns[c]);
    end = std::max(end, part.end);
  }
  scan.marks.push_back({end, scan.rows});
  scan.columns = header.columns;
  for (std::size_t c = 0; c < all.size(); ++c)
    set_type(scan.columns[c], header.declared[c], sample.columns[c], all[c]);
  return scan;
}

}  // namespace skyfold
