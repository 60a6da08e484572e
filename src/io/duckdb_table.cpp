// Our tables as table functions of DuckDB: bind tells the columns, init which of them a query needs, and each call gives 2,048 rows of a
// block that was read at once.
#include "duckdb_table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "duckdb_api.hpp"
#include "duckdb_vectors.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::duckdb {
namespace {

constexpr std::int64_t block_rows = 65'536, chunk_rows = 2048;

/// The functions of the interface that only tables need.
struct TableApi {
  Handle (*create)();
  void (*destroy)(Handle*);
  void (*set_name)(Handle, const char*);
  void (*set_extra_info)(Handle, void*, void (*)(void*));
  void (*set_bind)(Handle, void (*)(Handle));
  void (*set_init)(Handle, void (*)(Handle));
  void (*set_function)(Handle, void (*)(Handle, Handle));
  void (*push_down)(Handle, bool);
  State (*add)(Handle connection, Handle);
  void* (*bind_extra)(Handle);
  void (*bind_column)(Handle, const char*, Handle);
  void (*bind_rows)(Handle, Count, bool);
  void* (*init_extra)(Handle);
  Count (*init_count)(Handle);
  Count (*init_column)(Handle, Count);
  void (*init_data)(Handle, void*, void (*)(void*));
  void (*init_threads)(Handle, Count);
  void (*init_error)(Handle, const char*);
  void* (*call_extra)(Handle);
  void* (*call_data)(Handle);
  void (*call_error)(Handle, const char*);
};

template <class Function>
void take(Function*& function, const char* name) {
  function = reinterpret_cast<Function*>(library_function(name));
}

const TableApi& table_api() {
  static const TableApi api = [] {
    TableApi a{};
    take(a.create, "duckdb_create_table_function");
    take(a.destroy, "duckdb_destroy_table_function");
    take(a.set_name, "duckdb_table_function_set_name");
    take(a.set_extra_info, "duckdb_table_function_set_extra_info");
    take(a.set_bind, "duckdb_table_function_set_bind");
    take(a.set_init, "duckdb_table_function_set_init");
    take(a.set_function, "duckdb_table_function_set_function");
    take(a.push_down, "duckdb_table_function_supports_projection_pushdown");
    take(a.add, "duckdb_register_table_function");
    take(a.bind_extra, "duckdb_bind_get_extra_info");
    take(a.bind_column, "duckdb_bind_add_result_column");
    take(a.bind_rows, "duckdb_bind_set_cardinality");
    take(a.init_extra, "duckdb_init_get_extra_info");
    take(a.init_count, "duckdb_init_get_column_count");
    take(a.init_column, "duckdb_init_get_column_index");
    take(a.init_data, "duckdb_init_set_init_data");
    take(a.init_threads, "duckdb_init_set_max_threads");
    take(a.init_error, "duckdb_init_set_error");
    take(a.call_extra, "duckdb_function_get_extra_info");
    take(a.call_data, "duckdb_function_get_init_data");
    take(a.call_error, "duckdb_function_set_error");
    return a;
  }();
  return api;
}

/// Where one scan of a table is.
struct Scan {
  std::vector<std::size_t> columns;  ///< of the block, by column of the chunk; those that are asked for twice are there once
  std::vector<bool> is_row_number;   ///< DuckDB asks for a row number where it needs no column at all
  Table block;
  std::int64_t at = 0;    ///< in the block
  std::size_t range = 0;  ///< of the table
  std::int64_t row = -1;  ///< next one to be read
};

void bind(Handle info) {
  const auto& table = *static_cast<const ScannedTable*>(table_api().bind_extra(info));
  std::int64_t rows = 0;
  for (const RowRange& range : table.table.ranges) rows += range.size();
  for (const ColumnInfo& column : table.table.schema) {
    Handle type = logical_type_of(column);
    table_api().bind_column(info, column.name.c_str(), type);
    library().destroy_logical_type(&type);
  }
  table_api().bind_rows(info, static_cast<Count>(rows), true);
}

void init(Handle info) {
  const auto& table = *static_cast<const ScannedTable*>(table_api().init_extra(info));
  try {
    auto scan = std::make_unique<Scan>();
    Schema wanted;
    for (Count i = 0; i < table_api().init_count(info); ++i) {
      const Count column = table_api().init_column(info, i);
      scan->is_row_number.push_back(column >= table.table.schema.size());
      if (scan->is_row_number.back()) {
        scan->columns.push_back(0);
        continue;
      }
      const ColumnInfo& asked = table.table.schema[column];
      auto place = find_column(wanted, asked.name);
      if (!place) {
        place = wanted.size();
        wanted.push_back(asked);
      }
      scan->columns.push_back(*place);
    }
    scan->block = Table(wanted);
    table_api().init_data(info, scan.release(), [](void* data) { delete static_cast<Scan*>(data); });
    // One thread: rows come in the order of the table, and sums in one order of additions.
    table_api().init_threads(info, 1);
  } catch (const std::exception& error) {
    table_api().init_error(info, error.what());
  }
}

/// Reads the next block; false at the end.
bool next_block(const SqlTable& table, Scan& scan) {
  for (; scan.range < table.ranges.size(); ++scan.range, scan.row = -1) {
    const RowRange& range = table.ranges[scan.range];
    if (scan.row < 0) scan.row = range.begin;
    if (scan.row >= range.end) continue;
    // Blocks end where zones do, which are checked as a whole.
    const std::int64_t end = std::min(range.end, (scan.row / block_rows + 1) * block_rows);
    if (scan.block.columns() == 0)
      scan.block.resize(static_cast<std::size_t>(end - scan.row));
    else
      table.read({scan.row, end}, scan.block);
    scan.row = end;
    scan.at = 0;
    return true;
  }
  return false;
}

void give(Handle info, Handle output) {
  auto& table = *static_cast<ScannedTable*>(table_api().call_extra(info));
  auto& scan = *static_cast<Scan*>(table_api().call_data(info));
  const Api& api = library();
  try {
    const auto rows_of_block = [&] { return static_cast<std::int64_t>(scan.block.rows()); };
    if (scan.at >= rows_of_block() && !next_block(table.table, scan)) {
      api.data_chunk_set_size(output, 0);
      return;
    }
    const auto rows = static_cast<std::size_t>(std::min(chunk_rows, rows_of_block() - scan.at));
    for (std::size_t c = 0; c < scan.columns.size(); ++c) {
      Handle vector = api.data_chunk_get_vector(output, c);
      if (scan.is_row_number[c]) {
        auto* numbers = static_cast<std::int64_t*>(api.vector_get_data(vector));
        for (std::size_t i = 0; i < rows; ++i) numbers[i] = scan.row - rows_of_block() + scan.at + static_cast<std::int64_t>(i);
        continue;
      }
      const Column& column = scan.block[scan.columns[c]];
      fill_vector(column.info(), vector, column.bytes().data() + static_cast<std::size_t>(scan.at) * column.info().bytes_per_row(), rows);
    }
    scan.at += static_cast<std::int64_t>(rows);
    api.data_chunk_set_size(output, rows);
  } catch (const std::exception& error) {
    table.error = std::current_exception();
    table_api().call_error(info, error.what());
  }
}

}  // namespace

void add_table_function(Session& session, ScannedTable& table) {
  const TableApi& api = table_api();
  Handle function = api.create();
  api.set_name(function, table.function.c_str());
  api.set_extra_info(function, &table, nullptr);
  api.set_bind(function, bind);
  api.set_init(function, init);
  api.set_function(function, give);
  api.push_down(function, true);
  const State state = api.add(session.connection(), function);
  api.destroy(&function);
  if (state != success) throw IoError(fmt::format("DuckDB does not take the table {}", table.function));
}

}  // namespace skyfold::duckdb
