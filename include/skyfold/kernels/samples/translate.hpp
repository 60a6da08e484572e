#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "skyfold/table/expression.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// How a survey's own values become one of a few codes: its quality flags 0 to 4, its classes.
struct TranslationRule {
  std::string column;                                   ///< whose values are looked up; "" for none
  std::vector<std::pair<std::string, int>> values;      ///< a value of the column, as text, and its code
  std::vector<std::pair<std::string, int>> conditions;  ///< conditions on any columns, tried in order before the values
  int otherwise = 0;                                    ///< what nothing else applies to
};

/// "4:4, 3:3, 2:2" as values and codes. Throws UsageError, naming `what`, for a text of another form.
///
/// @param codes  names of the codes; none: whole numbers low to high are the codes themselves
[[nodiscard]] std::vector<std::pair<std::string, int>> parse_values(const std::vector<std::string>& parts,
                                                                    const std::vector<std::string>& codes, int low, int high,
                                                                    const std::string& what);

/// Translates the flags of blocks of rows.
class Translator {
 public:
  /// Numbers are compared as numbers (3 and 3.0 are the same; whole numbers exactly), texts regardless of case and of blanks around them.
  ///
  /// @param what  where the rule stands, for messages; conditions append their code: "ozdes.ini: quality.4"
  /// @param codes  names of the codes, for messages; may be empty
  /// Throws UsageError for a column that is absent, a text among the values of a column of numbers, conditions that cannot
  /// be read.
  Translator(TranslationRule rule, const Schema& schema, const std::string& what, const std::vector<std::string>& codes = {});

  /// Columns that it reads.
  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
  /// @param table  has these columns
  /// @param codes  shape [table.rows()]
  void translate(const Table& table, std::span<int> codes) const;

 private:
  void look_up(const Table& table, std::span<int> codes) const;

  TranslationRule rule_;
  std::vector<std::pair<double, int>> numbers_;       ///< of a column of numbers
  std::vector<std::pair<std::int64_t, int>> wholes_;  ///< of a column of whole numbers
  std::vector<std::pair<std::string, int>> texts_;    ///< of a column of texts; lower case
  std::vector<std::pair<Condition, int>> conditions_;
  std::vector<std::string> columns_;
};

}  // namespace skyfold
