#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skyfold/table/expression.hpp"

namespace skyfold {

/// Rows chosen by a condition: "r<19 and dec>=0"; or all.
class Selection {
 public:
  /// @param text    "" selects all rows
  /// @param option  name of the option, for messages
  /// @param alias   other names of columns, e.g. of a band, by name; may be empty
  /// Throws UsageError for a text that cannot be read, or a column that `schema`, of the file `path`, does not have.
  Selection(const std::string& text, const std::string& option, const Schema& schema, const std::string& path, const ColumnAliases& alias);

  [[nodiscard]] bool selects_all() const noexcept { return !condition_; }
  /// Nothing for all rows.
  [[nodiscard]] const std::optional<Condition>& condition() const noexcept { return condition_; }
  /// Columns that it reads.
  [[nodiscard]] std::vector<std::string> needs() const;
  /// Rows of `table`, which has the columns of needs(), that are selected: increasing.
  [[nodiscard]] std::vector<std::size_t> selected(const Table& table) const;

 private:
  std::optional<Condition> condition_;
};

}  // namespace skyfold
