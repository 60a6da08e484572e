// Text tables as inputs: rows are cut and parsed in one pass. A plain number goes straight from the characters to the column;
// everything else (quotes, missing words, other spellings) takes the longer way.
#include "source_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "skyfold/core/error.hpp"
#include "source_convert.hpp"
#include "source_text_cells.hpp"

namespace skyfold {
namespace {

/// Cells of one column and where they go.
struct Target {
  bool wanted = false;
  Type type = Type::f8;
  std::size_t width = 1;
  std::int64_t missing = 0;
  std::byte* out = nullptr;
  std::string_view name;
  bool dash_is_text = false;
  bool can_be_missing = true;  ///< false: an integer column in which no number stands for missing
};

std::int64_t missing_value(const ColumnInfo& info) noexcept {
  if (info.null) return *info.null;
  if (info.type == Type::i8) return missing_i8;
  return info.type == Type::i4 ? missing_i4 : missing_u1;
}

template <class T>
void put(const Target& to, std::int64_t row, T value) noexcept {
  std::memcpy(to.out + static_cast<std::size_t>(row) * sizeof value, &value, sizeof value);
}
void put_text(const Target& to, std::int64_t row, std::string_view text) noexcept {
  std::byte* place = to.out + static_cast<std::size_t>(row) * to.width;
  std::copy(text.begin(), text.end(), reinterpret_cast<char*>(place));
  std::fill(place + text.size(), place + to.width, std::byte{0});
}
void put_missing(const Target& to, std::int64_t row) noexcept {
  switch (to.type) {
    case Type::f4:
      return put(to, row, std::numeric_limits<float>::quiet_NaN());
    case Type::f8:
      return put(to, row, std::numeric_limits<double>::quiet_NaN());
    case Type::i4:
      return put(to, row, static_cast<std::int32_t>(to.missing));
    case Type::i8:
      return put(to, row, to.missing);
    case Type::u1:
      return put(to, row, static_cast<std::uint8_t>(to.missing));
    case Type::text:
      return put_text(to, row, {});
  }
}

/// Parses rows of text into columns.
class RowParser {
 public:
  RowParser(const TextDialect& dialect, std::vector<Target> targets, std::int64_t first_row, std::vector<BadCell>& bad)
      : dialect_(dialect), targets_(std::move(targets)), first_row_(first_row), bad_(bad) {}

  /// Parses whole rows, at most until `rows() == limit`.
  void add(std::string_view block, std::int64_t limit) {
    // Decided once for each block: the two kinds of separators are templates down to the cell, without a branch in the innermost loop.
    dialect_.by_blanks() ? add_rows<true>(block, limit) : add_rows<false>(block, limit);
  }
  [[nodiscard]] std::int64_t rows() const noexcept { return row_; }

 private:
  template <bool by_blanks>
  void add_rows(std::string_view block, std::int64_t limit) {
    const char* end = block.data() + block.size();
    const char* p = next_row(block.data(), end, dialect_);
    while (p != end && row_ < limit) {
      p = next_row(add_row<by_blanks>(p, end), end, dialect_);
      ++row_;
    }
  }

  template <bool by_blanks>
  const char* add_row(const char* begin, const char* end) {
    const std::size_t bad_before = bad_.size();
    const char* p = begin;
    const char* cell_end = begin;
    std::size_t cells = 0;
    // Cells go into their columns at once, before it is known whether the row has all of them; add_bad_row takes them back.
    for (; p && cells < targets_.size(); ++cells) {
      cell_end = add_cell<by_blanks>(p, end, targets_[cells]);
      p = next_cell<by_blanks>(cell_end, dialect_);
    }
    if (p || cells != targets_.size()) {
      // Of a row with a wrong number of cells nothing is believed: each could belong to another column.
      bad_.resize(bad_before);
      cell_end = add_bad_row<by_blanks>(begin, end);
    }
    return after_line(by_blanks ? skip_blanks(cell_end, dialect_) : cell_end);
  }

  /// Returns the end of the row's last cell.
  template <bool by_blanks>
  const char* add_bad_row(const char* p, const char* end) {
    const char* cell_end = p;
    std::size_t cells = 0;
    for (Cell cell; p; ++cells) {
      cell_end = read_cell<by_blanks>(p, end, dialect_, cell);
      p = next_cell<by_blanks>(cell_end, dialect_);
    }
    for (const Target& to : targets_)
      if (to.wanted) put_missing(to, row_);
    bad_.push_back({first_row_ + row_, "", fmt::format("{} cells instead of {}", cells, targets_.size())});
    return cell_end;
  }

  /// Reads the cell at `p`; returns its end.
  template <bool by_blanks>
  const char* add_cell(const char* p, const char* end, const Target& to) {
    if (to.wanted) {
      switch (to.type) {
        case Type::f8:
          if (const char* stop = add_number<by_blanks, double>(p, end, to)) return stop;
          break;
        case Type::f4:
          if (const char* stop = add_number<by_blanks, float>(p, end, to)) return stop;
          break;
        case Type::i8:
          if (const char* stop = add_number<by_blanks, std::int64_t>(p, end, to)) return stop;
          break;
        default:
          break;
      }
    }
    Cell cell;
    p = read_cell<by_blanks>(p, end, dialect_, cell);
    if (to.wanted) add_any(cell, to);
    return p;
  }

  /// The common case of a plain number; null when the cell is anything else.
  template <bool by_blanks, class T>
  const char* add_number(const char* p, const char* end, const Target& to) const noexcept {
    T value;
    // Straight from the file's bytes, without finding the cell's end first: this loop is most of the time that text takes.
    const auto [stop, error] = std::from_chars(p, end, value);
    // "12abc" is no number, though from_chars reads one.
    if (error != std::errc{} || !ends_cell<by_blanks>(stop, dialect_.delimiter)) return nullptr;
    put(to, row_, value);
    return stop;
  }

  void add_any(const Cell& cell, const Target& to) {
    const std::string_view words = without_blanks(cell.text);
    if (is_missing(words)) return add_missing(to);
    if (to.type == Type::text) return words == "-" && !to.dash_is_text ? put_missing(to, row_) : add_text(cell, to);
    if (add_parsed(words, to)) return;
    if (is_missing_word(words)) return add_missing(to);
    put_missing(to, row_);
    const std::string_view shown = cell.text.substr(0, 40);
    const bool is_number = (kind_of(cell.text) & kind::number) != 0;
    bad_.push_back({first_row_ + row_, std::string(to.name),
                    is_number ? fmt::format("'{}' does not fit a column of type {}", shown, name_of(to.type))
                    : to.type == Type::u1
                        ? fmt::format("'{}' is neither true nor false, as the column is; --input.text={} keeps it as text", shown, to.name)
                        : fmt::format("'{}' is not a number, as the column is; --input.text={} keeps it as text", shown, to.name)});
  }

  void add_missing(const Target& to) {
    put_missing(to, row_);
    // The column is of another table, in which no cell is missing: the number put here would be taken for a value.
    if (!to.can_be_missing)
      bad_.push_back({first_row_ + row_, std::string(to.name), "no value, but the column has no integer that stands for missing"});
  }

  void add_text(const Cell& cell, const Target& to) {
    const std::string_view words = without_padding(cell.text);
    if (words.size() <= to.width && !cell.doubled) return put_text(to, row_, words);
    const std::string text = cell.doubled ? undoubled({words, true}) : std::string(words);
    put_text(to, row_, std::string_view(text).substr(0, to.width));
    if (text.size() > to.width)
      bad_.push_back(
          {first_row_ + row_, std::string(to.name), fmt::format("text of {} bytes is cut to the column's {}", text.size(), to.width)});
  }

  [[nodiscard]] bool add_parsed(std::string_view text, const Target& to) const noexcept {
    const auto parsed = [&]<class T>(T value) {
      if (!parse_cell(text, value)) return false;
      put(to, row_, value);
      return true;
    };
    switch (to.type) {
      case Type::f4:
        return parsed(float{});
      case Type::f8:
        return parsed(double{});
      case Type::i4:
        return parsed(std::int32_t{});
      case Type::i8:
        return parsed(std::int64_t{});
      default:
        break;
    }
    // Columns of truths are bytes here; one that has other small numbers, too, is one of numbers.
    const int truth = boolean_of(text);
    if (truth < 0) return parsed(std::uint8_t{});
    put(to, row_, static_cast<std::uint8_t>(truth));
    return true;
  }

  TextDialect dialect_;
  std::vector<Target> targets_;
  std::int64_t first_row_, row_ = 0;
  std::vector<BadCell>& bad_;
};

class TextSource final : public Source {
 public:
  TextSource(const std::string& path, const TextWishes& wishes, const ScanRunner& run, const ScanSizes& sizes)
      : file_(path), block_(sizes.block), header_(read_text_header(file_, wishes)), scan_(scan(run, sizes)) {
    for (std::size_t c = 0; c < scan_.columns.size(); ++c) {
      if (scan_.columns[c].name.empty()) {
        left_out_.push_back({"", "it has no name (an index?)"});
        continue;
      }
      schema_.push_back(scan_.columns[c]);
      place_.push_back(c);
    }
  }

  const std::string& path() const noexcept override { return file_.path(); }
  const Schema& schema() const noexcept override { return schema_; }
  const std::vector<LeftOut>& left_out() const noexcept override { return left_out_; }
  std::int64_t rows() const noexcept override { return scan_.rows; }
  std::string mixture(std::size_t column) const override { return scan_.mixtures[place_[column]]; }
  bool is_void(std::size_t column) const override { return scan_.is_void[place_[column]]; }
  const std::string& header_remark() const noexcept override { return header_.remark; }

  std::vector<Piece> pieces(std::int64_t rows) const override {
    std::vector<Piece> pieces;
    Mark begin = scan_.marks.front();
    for (const Mark& mark : scan_.marks) {
      const bool last = &mark == &scan_.marks.back();
      // At marks only, where rows are known to begin: so pieces have at least as many rows as asked for, the last one fewer.
      if (mark.row - begin.row < rows && !last) continue;
      if (mark.row > begin.row) pieces.push_back({begin.row, mark.row - begin.row, begin.byte, mark.byte});
      begin = mark;
    }
    return pieces;
  }

  void read(const Piece& piece, Table& out, std::vector<BadCell>& bad) const override {
    RowParser parser(header_.dialect, targets(piece, out), piece.first_row, bad);
    TextRowReader reader(file_, header_.dialect, piece.begin, piece.end, block_);
    try {
      for (std::string_view block = reader.next(); !block.empty(); block = reader.next()) parser.add(block, piece.rows);
    } catch (const DataError& error) {
      throw IoError(fmt::format("{} (the file has changed since it was opened)", error.what()));
    }
    // Pieces were found in a first pass: a file that changes in between is noticed here at the latest.
    if (parser.rows() != piece.rows || reader.position() != piece.end)
      throw IoError(fmt::format("{}: rows {} to {} are not where they were (the file has changed since it was opened)", path(),
                                piece.first_row + 1, piece.first_row + piece.rows));
  }

 private:
  // The header may have found comments behind the last row: for everything that follows the file ends before them.
  TextScan scan(const ScanRunner& run, const ScanSizes& sizes) {
    if (header_.data_end > 0) file_.end_at(header_.data_end);
    return scan_text(file_, header_, run, sizes);
  }

  std::vector<Target> targets(const Piece& piece, Table& out) const {
    const std::vector<std::size_t> matched = match_columns(*this, out);
    out.resize(static_cast<std::size_t>(piece.rows));
    std::vector<Target> targets(scan_.columns.size());
    for (std::size_t i = 0; i < out.columns(); ++i) {
      const ColumnInfo& info = out[i].info();
      const std::size_t column = place_[matched[i]];
      Target& target = targets[column];
      if (info.type != Type::text && info.width != 1)
        throw DataError(fmt::format("{}: column '{}' has one value per row, not {}", path(), info.source, info.width));
      // Each cell has one target; no command asks for a column twice.
      if (target.wanted) throw DataError(fmt::format("{}: column '{}' is read into two columns", path(), info.source));
      const bool is_integer = info.type == Type::i8 || info.type == Type::i4 || info.type == Type::u1;
      target = {true,
                info.type,
                info.width,
                missing_value(info),
                out[i].bytes().data(),
                info.source,
                scan_.dash_is_text[column],
                !is_integer || info.null.has_value()};
    }
    return targets;
  }

  InputFile file_;
  std::int64_t block_;
  TextHeader header_;
  TextScan scan_;
  Schema schema_;
  std::vector<std::size_t> place_;  ///< of each column of the schema among those of the file
  std::vector<LeftOut> left_out_;
};

}  // namespace

std::unique_ptr<Source> open_text(const std::string& path, const TextWishes& wishes, const ScanRunner& run, const ScanSizes& sizes) {
  return std::make_unique<TextSource>(path, wishes, run, sizes);
}

}  // namespace skyfold
