// A condition of the user (--select and the like) on the rows of a table; without one all rows are selected.
#include "skyfold/dataset/selection.hpp"

#include <fmt/core.h>

#include "skyfold/core/text.hpp"

namespace skyfold {

Selection::Selection(const std::string& text, const std::string& option, const Schema& schema, const std::string& path,
                     const ColumnAliases& alias) {
  if (!trim(text).empty()) condition_.emplace(text, schema, fmt::format("{} (--{})", path, option), alias);
}

std::vector<std::string> Selection::needs() const { return condition_ ? condition_->columns() : std::vector<std::string>{}; }

std::vector<std::size_t> Selection::selected(const Table& table) const {
  std::vector<std::uint8_t> holds(table.rows(), 1);
  if (condition_) condition_->evaluate(table, holds);
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < holds.size(); ++i)
    if (holds[i]) rows.push_back(i);
  return rows;
}

}  // namespace skyfold
