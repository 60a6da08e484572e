#pragma once

#include <cstdint>
#include <memory>

#include "skyfold/io/source.hpp"

namespace skyfold {

/// The column that says where in the inputs a row was, from 0 over all of them.
inline constexpr const char* source_row_column = "_source_row";

/// The input with that column added, or made anew.
/// @param first  number of its first row
[[nodiscard]] std::unique_ptr<Source> with_row_numbers(std::unique_ptr<Source> source, std::int64_t first);

}  // namespace skyfold
