#pragma once

#include <cstddef>

#include "duckdb_api.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::duckdb {

/// Columns with more than one number per row are lists of DuckDB.
[[nodiscard]] bool is_list(const ColumnInfo& info);
/// The type of a column; to be destroyed by the caller.
[[nodiscard]] Handle logical_type_of(const ColumnInfo& info);
/// Puts values of a column into a vector of DuckDB. What stands for missing becomes NULL; in lists NaN stays NaN.
/// @param values  the first of `rows`, at most 2,048
void fill_vector(const ColumnInfo& info, Handle vector, const std::byte* values, std::size_t rows);

}  // namespace skyfold::duckdb
