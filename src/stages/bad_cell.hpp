#pragma once

#include <fmt/core.h>

#include <string>

#include "skyfold/io/source.hpp"

namespace skyfold {

/// "stars.csv, row 3, column mag: 'abc' is not a number"; a row with too few or too many cells has no column.
inline std::string describe_bad_cell(const std::string& path, const BadCell& bad) {
  return fmt::format("{}, row {}{}: {}", path, bad.row + 1, bad.column.empty() ? "" : ", column " + bad.column, bad.problem);
}

}  // namespace skyfold
