// Whether a column can be one of ids: floating-point columns can, as long as every value is whole and has all its digits.
#include "skyfold/io/ids.hpp"

#include <fmt/core.h>

#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {

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
    for (std::size_t row = 0; row < table.rows(); ++row) {
      const double value = table[0].number(row);
      if (std::abs(value) < limit && value == std::floor(value)) continue;
      const char* why = std::isnan(value)            ? "a missing cell"
                        : value == std::floor(value) ? "not sure to have all its digits"
                                                     : "not a whole number";
      return fmt::format("{} {} is {}", pieces[i].first_row + static_cast<std::int64_t>(row), shortest(value), why);
    }
    return std::string();
  };
  // The first in the order of rows, whoever found it: every number of ranks gives the same message.
  for (const std::string& text : run(pieces.size(), look)) {
    if (text.empty()) continue;
    const std::size_t blank = text.find(' ');
    return NoId{std::stoll(text.substr(0, blank)), text.substr(blank + 1)};
  }
  return std::nullopt;
}

}  // namespace skyfold
