#pragma once

#include <cstdint>
#include <string>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// A column of a Parquet file, as a column of skyfold and as what DuckDB is asked for.
struct ParquetColumn {
  ColumnInfo info;         ///< the width of a text is not known yet
  std::string expression;  ///< SQL that gives values of info's type
  std::string length;      ///< SQL that gives the bytes of a text; "" for numbers
  bool is_unsigned = false;
  bool is_void = false;  ///< no row has a value
  std::string left_out;  ///< why it cannot be held; "" when it can
  std::string remark;    ///< how values change on the way; "" when they do not
};

/// What a file says of a column.
struct ParquetElement {
  std::string name;           ///< as in the file
  std::string sql_name;       ///< as DuckDB calls it, to which capitals are no difference
  std::string type;           ///< as DuckDB names it: "BIGINT", "DECIMAL(9,2)", "DOUBLE[]"
  std::int64_t missing = -1;  ///< values that are missing, by the statistics of the file; -1 when they do not tell
};
[[nodiscard]] ParquetColumn parquet_column(const ParquetElement& element, std::int64_t rows);

}  // namespace skyfold
