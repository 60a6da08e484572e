#pragma once

#include <exception>
#include <string>

#include "duckdb_session.hpp"
#include "skyfold/io/sql_engine.hpp"

namespace skyfold::duckdb {

/// A table of ours that DuckDB reads by a table function, with the columns that a query needs alone.
struct ScannedTable {
  SqlTable table;
  std::string function;      ///< its name in SQL
  std::exception_ptr error;  ///< of reading, which DuckDB only knows as a text
};

/// Makes `table.function` known. It must outlive the session.
void add_table_function(Session& session, ScannedTable& table);

}  // namespace skyfold::duckdb
