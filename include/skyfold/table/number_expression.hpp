#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/table/expression.hpp"

namespace skyfold {

/// A number calculated from the columns of a table, in the language of conditions: "mag_g - mag_r", "abs(pm_ra)", "flux[2]".
///
/// Whole numbers are exact until the end, where they become doubles. Missing gives NaN.
class NumberExpression {
 public:
  /// @param text    not empty
  /// @param schema  of the tables that it will be asked about
  /// @param what    where the text stands, for messages: "--stat"
  /// Throws UsageError for a text that is no number, or a column that `schema` does not have.
  NumberExpression(const std::string& text, const Schema& schema, const std::string& what);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// Columns that it reads, each once.
  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
  /// Its name where it is nothing but a column of one number per row; "" for anything calculated.
  [[nodiscard]] const std::string& plain_column() const noexcept { return plain_; }
  /// Its values in some rows of a table. Throws DataError for a whole number beyond 2^127.
  ///
  /// @param table   has the columns of columns(), of the types of the schema
  /// @param values  of the rows first_row...
  void evaluate(const Table& table, std::size_t first_row, std::span<double> values) const;

 private:
  std::string text_, plain_;
  std::vector<std::string> columns_;
  std::shared_ptr<const Condition::Program> program_;
};

}  // namespace skyfold
