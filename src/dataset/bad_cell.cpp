#include "skyfold/dataset/bad_cell.hpp"

#include <fmt/core.h>

namespace skyfold {

std::string describe_bad_cell(const std::string& path, const BadCell& bad) {
  return fmt::format("{}, row {}{}: {}", path, bad.row + 1, bad.column.empty() ? "" : ", column " + bad.column, bad.problem);
}

}  // namespace skyfold
