#pragma once

#include <string>

#include "skyfold/io/source.hpp"

namespace skyfold {

/// "stars.csv, row 3, column mag: 'abc' is not a number"; a row with too few or too many cells has no column.
[[nodiscard]] std::string describe_bad_cell(const std::string& path, const BadCell& bad);

}  // namespace skyfold
