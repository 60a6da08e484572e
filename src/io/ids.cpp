// Whether a column can be one of ids: floating-point columns can, as long as every value is whole and has all its digits.
#include "skyfold/io/ids.hpp"

#include <fmt/core.h>

#include <array>
#include <cmath>
#include <sstream>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {

namespace {

// Digits that a program prints when it is asked for so many: %g has 6, %.9g is for single precision.
constexpr int fewest_digits = 6, most_digits = 12;
constexpr std::int64_t least_rounded = 4;  // numbers that end in zeros by chance are few

/// Whole numbers in a text that look as if they had been printed with so many digits, the others being lost.
struct RoundedIds {
  std::array<std::int64_t, most_digits + 1> longer{}, rounded{},
      first_row{};  ///< by digits: numbers that need more; those with zeros from there on

  void add(double value, std::int64_t row) {
    const double size = std::abs(value);
    double power = 1e6;
    for (std::size_t digits = fewest_digits; digits <= most_digits && size >= power; ++digits, power *= 10.0) {
      if (longer[digits]++ == 0) first_row[digits] = row;
      // What the last digit that was printed stands for.
      const double unit = std::pow(10.0, std::floor(std::log10(size)) + 1.0 - static_cast<double>(digits));
      rounded[digits] += std::fmod(size, unit) == 0.0;
    }
  }
  void add(const RoundedIds& other) {
    for (std::size_t digits = fewest_digits; digits <= most_digits; ++digits) {
      if (longer[digits] == 0) first_row[digits] = other.first_row[digits];
      longer[digits] += other.longer[digits];
      rounded[digits] += other.rounded[digits];
    }
  }
  [[nodiscard]] std::optional<NoId> found() const {
    for (std::size_t digits = fewest_digits; digits <= most_digits; ++digits)
      if (longer[digits] >= least_rounded && rounded[digits] == longer[digits])
        return NoId{first_row[digits],
                    fmt::format("whole numbers of the column have {} digits and then zeros, as if they were printed with "
                                "{} digits and had lost the others",
                                digits, digits)};
    return std::nullopt;
  }
  [[nodiscard]] std::string packed() const {
    std::string text;
    for (std::size_t digits = fewest_digits; digits <= most_digits; ++digits)
      text += fmt::format(" {} {} {}", longer[digits], rounded[digits], first_row[digits]);
    return text;
  }
  static RoundedIds unpacked(const std::string& text) {
    RoundedIds ids;
    std::istringstream numbers(text);
    for (std::size_t digits = fewest_digits; digits <= most_digits; ++digits)
      numbers >> ids.longer[digits] >> ids.rounded[digits] >> ids.first_row[digits];
    return ids;
  }
};

}  // namespace

bool names_no_column(const std::string& given, const Schema& schema) { return given == no_column && !find_column(schema, no_column); }

std::optional<NoId> find_no_id(const Source& source, const std::string& column, const ScanRunner& run) {
  constexpr std::int64_t rows_per_piece = 1 << 18;
  ColumnInfo info = source.schema()[*find_column(source.schema(), column)];
  info.source = info.name;
  if (info.type != Type::f4 && info.type != Type::f8) return std::nullopt;
  const double limit = info.type == Type::f4 ? 16777216.0 : 9007199254740992.0;  // beyond, not every whole number is one of the type
  const std::vector<Piece> pieces = source.pieces(rows_per_piece);
  const auto look = [&](std::size_t i) {
    Table table({info});
    std::vector<BadCell> bad;  // cells that cannot be read are told about when all columns are read
    source.read(pieces[i], table, bad);
    RoundedIds rounded;
    const bool is_text = pieces[i].end > 0;  // other formats have the numbers themselves
    for (std::size_t row = 0; row < table.rows(); ++row) {
      const double value = table[0].number(row);
      if (std::abs(value) < limit && value == std::floor(value)) {
        if (is_text) rounded.add(value, pieces[i].first_row + static_cast<std::int64_t>(row));
        continue;
      }
      const char* why = std::isnan(value)            ? "a missing cell"
                        : value == std::floor(value) ? "not sure to have all its digits"
                                                     : "not a whole number";
      return fmt::format("{} {} is {}", pieces[i].first_row + static_cast<std::int64_t>(row), shortest(value), why);
    }
    return rounded.packed();
  };
  RoundedIds rounded;
  // The first in the order of rows, whoever found it: every number of ranks gives the same message.
  for (const std::string& text : run(pieces.size(), look)) {
    if (text.starts_with(' ')) {
      rounded.add(RoundedIds::unpacked(text));
      continue;
    }
    const std::size_t blank = text.find(' ');
    return NoId{std::stoll(text.substr(0, blank)), text.substr(blank + 1)};
  }
  return rounded.found();
}

}  // namespace skyfold
