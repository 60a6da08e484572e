#pragma once

#include <string>
#include <utility>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// Rows chosen by their values: comparisons of columns with numbers, all of which must hold: "r<19 and dec>=0".
/// Operators: < <= > >= == !=. A missing value passes none of them.
class Selection {
 public:
  /// @param text    "" selects all rows
  /// @param option  name of the option, for messages
  /// @param alias   other names of columns, e.g. of a band, by name; may be empty
  /// Throws UsageError for a text that cannot be read, or a column that `schema`, of the file `path`, does not have.
  Selection(const std::string& text, const std::string& option, const Schema& schema, const std::string& path,
            const std::vector<std::pair<std::string, std::string>>& alias);

  [[nodiscard]] bool selects_all() const noexcept { return tests_.empty(); }
  /// Columns that it reads.
  [[nodiscard]] std::vector<std::string> needs() const;
  /// Rows of `table`, which has the columns of needs(), that are selected: increasing.
  [[nodiscard]] std::vector<std::size_t> selected(const Table& table) const;

 private:
  struct Test {
    std::string column, relation;
    double limit;
    [[nodiscard]] bool holds(double value) const noexcept;
  };
  std::vector<Test> tests_;
};

}  // namespace skyfold
