#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// A condition on the columns of a table, as users write it: "zwarning == 0 and (class == 'GALAXY' or z > 0.001)".
///
/// - comparisons `< <= > >= == !=` (also `=`) of sums, products, `abs(x)`, columns and numbers; they cannot be chained;
/// - `x in (3, 4, 'a')`; `missing(x)`: NaN, the null integer, or an empty text; `flags & 6`: bits of an integer column;
/// - text columns are compared with 'text' by == and !=, as they stand but for blanks at the end;
/// - `not`, `and`, `or` (also `! && ||`) in this order of precedence, and parentheses;
/// - a column whose name is no plain word stands in backquotes: `my column`; arrays count by element: psfmag[2], from 0.
///
/// Numbers are doubles; a comparison with a missing number does not hold, whichever it is; an empty text is a text like
/// others. The condition is compiled once to a flat program, which is run over blocks of rows.
class Condition {
 public:
  /// @param text    not empty
  /// @param schema  of the tables that it will be asked about
  /// @param what    where the text stands, for messages: "--cuts"; "survey.ini: quality.4"
  /// Throws UsageError for a text that is no condition, or a column that `schema` does not have.
  Condition(const std::string& text, const Schema& schema, const std::string& what);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// Columns that it reads, each once.
  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
  /// Whether it holds, row by row: 1 or 0.
  ///
  /// @param table  has the columns of columns(), of the types of the schema
  /// @param holds  shape [table.rows()]
  void evaluate(const Table& table, std::span<std::uint8_t> holds) const;

  struct Program;

 private:
  std::string text_;
  std::vector<std::string> columns_;
  std::shared_ptr<const Program> program_;
};

}  // namespace skyfold
