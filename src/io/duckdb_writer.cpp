// Columns of skyfold as a table of DuckDB, and from there as a Parquet file. What stands for missing becomes NULL; in lists, which PDFs
// are, NaN stays NaN.
#include "duckdb_writer.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "duckdb_vectors.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/io/sql_text.hpp"

namespace skyfold::duckdb {
namespace {

constexpr std::size_t chunk_rows = 2048;  // of DuckDB's vectors
constexpr const char* table_name = "rows_to_write";

const char* sql_type(Type type) {
  switch (type) {
    case Type::f4:
      return "FLOAT";
    case Type::f8:
      return "DOUBLE";
    case Type::i4:
      return "INTEGER";
    case Type::i8:
      return "BIGINT";
    case Type::u1:
      return "UTINYINT";
    case Type::text:
      return "VARCHAR";
  }
  return "";
}

}  // namespace

TableWriter::TableWriter(Session& session, const Schema& schema) : session_(session), schema_(schema) {
  const Api& api = library();
  std::string columns;
  for (const ColumnInfo& info : schema_)
    columns += fmt::format("{}{} {}{}", columns.empty() ? "" : ", ", sql_name(info.name), sql_type(info.type), is_list(info) ? "[]" : "");
  session_.run(fmt::format("CREATE OR REPLACE TABLE {} ({})", table_name, columns));
  for (const ColumnInfo& info : schema_) types_.push_back(logical_type_of(info));
  chunk_ = api.create_data_chunk(types_.data(), types_.size());
  if (api.appender_create(session_.connection(), nullptr, table_name, &appender_) != success) fail();
}

TableWriter::~TableWriter() {
  const Api& api = library();
  if (appender_) api.appender_destroy(&appender_);
  if (chunk_) api.destroy_data_chunk(&chunk_);
  for (Handle& type : types_) api.destroy_logical_type(&type);
  try {
    session_.run(fmt::format("DROP TABLE IF EXISTS {}", table_name));
  } catch (const IoError&) {  // the next one replaces it
  }
}

void TableWriter::fail() const {
  const char* error = appender_ ? library().appender_error(appender_) : nullptr;
  throw IoError(fmt::format("DuckDB does not take rows ({})", error ? error : "no reason given"));
}

void TableWriter::append(const std::vector<const std::byte*>& columns, std::size_t rows) {
  for (std::size_t first = 0; first < rows; first += chunk_rows) append_chunk(columns, first, std::min(chunk_rows, rows - first));
}

void TableWriter::append_chunk(const std::vector<const std::byte*>& columns, std::size_t first, std::size_t rows) {
  const Api& api = library();
  api.data_chunk_reset(chunk_);
  for (std::size_t i = 0; i < schema_.size(); ++i) {
    const std::byte* values = columns[i] + first * schema_[i].bytes_per_row();
    Handle vector = api.data_chunk_get_vector(chunk_, i);
    fill_vector(schema_[i], vector, values, rows);
  }
  api.data_chunk_set_size(chunk_, rows);
  if (api.append_data_chunk(appender_, chunk_) != success) fail();
}

std::string TableWriter::selection(const std::vector<ParquetStruct>& structs) const {
  if (structs.empty()) return table_name;
  std::string columns, nested;
  for (const ColumnInfo& info : schema_) {
    const bool is_field = std::ranges::any_of(structs, [&](const ParquetStruct& column) {
      return std::ranges::find(column.fields, info.name, &std::pair<std::string, std::string>::second) != column.fields.end();
    });
    if (!is_field) columns += sql_name(info.name) + ", ";
  }
  for (const ParquetStruct& column : structs) {
    std::string fields;
    const auto list_of = [&](const std::string& from) {
      const auto info = std::ranges::find(schema_, from, &ColumnInfo::name);
      return is_list(*info) ? sql_name(from) : fmt::format("[{}]", sql_name(from));
    };
    for (const auto& [field, from] : column.fields)
      fields += fmt::format("{}{} := {}", fields.empty() ? "" : ", ", sql_name(field), list_of(from));
    const std::string last = list_of(column.fields.back().second);
    nested += fmt::format("{}CASE WHEN {}[1] IS NULL OR isnan({}[1]) THEN NULL ELSE struct_pack({}) END AS {}", nested.empty() ? "" : ", ",
                          last, last, fields, sql_name(column.name));
  }
  return fmt::format("(SELECT {}{} FROM {})", columns, nested, table_name);
}

void TableWriter::write(const std::string& path, const std::vector<std::pair<std::string, std::string>>& metadata,
                        const std::vector<ParquetStruct>& structs) {
  // Rows are in the table only when the appender is closed, and errors of the last ones show here.
  if (library().appender_close(appender_) != success) fail();
  std::string pairs;
  for (const auto& [key, value] : metadata) pairs += fmt::format("{}{}: {}", pairs.empty() ? "" : ", ", sql_text(key), sql_text(value));
  // Without DuckDB's own temporary file: the folder of the run is one already, and publish() renames.
  session_.run(fmt::format("COPY {} TO {} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false{})", selection(structs), sql_text(path),
                           pairs.empty() ? "" : fmt::format(", KV_METADATA {{{}}}", pairs)));
}

}  // namespace skyfold::duckdb
