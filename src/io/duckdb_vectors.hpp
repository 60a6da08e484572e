#pragma once

#include <cstddef>
#include <cstdint>

#include "duckdb_api.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::duckdb {

/// Columns with more than one number per row are lists of DuckDB.
[[nodiscard]] bool is_list(const ColumnInfo& info);
/// The type of a column; to be destroyed by the caller.
[[nodiscard]] Handle logical_type_of(const ColumnInfo& info);
/// Makes rows of a vector NULL. A mask of validity is made with the first one: most vectors have none.
class NullRows {
 public:
  explicit NullRows(Handle vector) : vector_(vector) {}
  void add(std::size_t row) {
    if (!validity_) {
      library().vector_ensure_validity_writable(vector_);
      validity_ = library().vector_get_validity(vector_);
    }
    validity_[row / 64] &= ~(std::uint64_t{1} << (row % 64));
  }

 private:
  Handle vector_;
  std::uint64_t* validity_ = nullptr;
};

/// Puts values of a column into a vector of DuckDB. What stands for missing becomes NULL; in lists NaN stays NaN.
/// @param values  the first of `rows`, at most 2,048
void fill_vector(const ColumnInfo& info, Handle vector, const std::byte* values, std::size_t rows);

}  // namespace skyfold::duckdb
