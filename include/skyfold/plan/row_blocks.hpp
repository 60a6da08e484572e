#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// Partitions of so many rows each, the last one of what is left; labelled "rows 0 to 100000" with their name.
[[nodiscard]] std::vector<Partition> row_blocks(std::int64_t rows, std::int64_t rows_each, const std::string& name = "rows");

}  // namespace skyfold
