#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skyfold/table/number_expression.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// The columns of an answer: columns of a table as they are or under another name, or numbers calculated from them.
class OutputColumns {
 public:
  /// @param texts   "a", "a as b", "mag_g - mag_r as gr", "*"; none: all columns
  /// @param schema  of the rows that they are made of
  /// Throws UsageError, naming --columns.
  OutputColumns(const std::vector<std::string>& texts, const Schema& schema);

  /// Adds a column as it is, where there is none of its name. True when it was added.
  bool add(const ColumnInfo& column);
  [[nodiscard]] const Schema& schema() const noexcept { return schema_; }
  /// Columns that they are made of.
  [[nodiscard]] std::vector<std::string> needs() const;
  [[nodiscard]] Table make(const Table& rows) const;

 private:
  struct Made {
    std::string from;  ///< the column; "" for one that is calculated
    std::optional<NumberExpression> formula = {};
  };
  void add_text(const std::string& text, const Schema& schema);
  void add(ColumnInfo column, Made made);

  Schema schema_;
  std::vector<Made> made_;
};

}  // namespace skyfold
