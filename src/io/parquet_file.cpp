// Parquet files of ours: tables go through the window to DuckDB's child, which writes them to a file that is opened here.
#include "skyfold/io/parquet_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "duckdb_answers.hpp"
#include "duckdb_child.hpp"
#include "parquet_read.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/io/votable_file.hpp"

namespace skyfold {
namespace {

/// Sends rows through the window, some at a time.
void send_rows(const Table& table, std::size_t row_bytes, const std::string& path) {
  // The window holds whole rows of all columns, one column after the other.
  const std::size_t step = std::max<std::size_t>(1, duckdb_window_bytes / std::max<std::size_t>(1, row_bytes));
  for (std::size_t begin = 0; begin < table.rows(); begin += step) {
    const std::size_t count = std::min(step, table.rows() - begin);
    std::byte* place = duckdb_window().data();
    for (std::size_t c = 0; c < table.columns(); ++c) {
      const std::size_t bytes = table[c].info().bytes_per_row();
      std::memcpy(place, table[c].bytes().data() + begin * bytes, count * bytes);
      place += count * bytes;
    }
    ChildMessage question;
    question.put(static_cast<std::int64_t>(DuckDbQuestion::append)).put(static_cast<std::int64_t>(count));
    (void)ask_duckdb(question, path);
  }
}

}  // namespace

ParquetMetadata parquet_metadata(const Schema& schema) {
  std::string fields;
  for (const ColumnInfo& info : schema) fields += votable_field_element(info);
  return {{"IVOA.VOTable-Parquet.version", "1.0"},
          {"IVOA.VOTable-Parquet.content",
           fmt::format(R"(<?xml version="1.0" encoding="UTF-8"?><VOTABLE version="1.5" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">)"
                       R"(<RESOURCE><TABLE>{}<DATA><PARQUET type="VOTable-remote-file"/></DATA></TABLE></RESOURCE></VOTABLE>)",
                       fields)}};
}

void check_utf8(const Table& table, const std::string& path, std::int64_t first_row) {
  for (std::size_t c = 0; c < table.columns(); ++c) {
    if (table[c].info().type != Type::text) continue;
    for (std::size_t row = 0; row < table.rows(); ++row)
      if (const std::string_view text = table[c].text(row); valid_utf8(text) != text)
        throw DataError(fmt::format("{}, row {}, column {}: '{}' is no UTF-8, as texts of Parquet are", path,
                                    first_row + static_cast<std::int64_t>(row) + 1, table[c].info().name, valid_utf8(text)));
  }
}

void write_parquet(const std::string& path, const Table& table, const ParquetMetadata& metadata,
                   const std::vector<ParquetStruct>& structs) {
  const Schema schema = table.schema();
  const std::size_t row_bytes = bytes_per_row(schema);
  if (row_bytes > duckdb_window_bytes) throw DataError(fmt::format("{}: rows of {} bytes are too long", path, row_bytes));
  // Made here and not by DuckDB: a full disk or a folder that is not there is then told with its reason.
  File::created(path).close();
  const DuckDbTurn turn;
  forget_parquet_stream();
  ChildMessage create;
  create.put(static_cast<std::int64_t>(DuckDbQuestion::create)).put(static_cast<std::int64_t>(schema.size()));
  for (const ColumnInfo& info : schema) {
    create.put(std::string_view(info.name)).put(static_cast<std::int64_t>(info.type)).put(static_cast<std::int64_t>(info.width));
    create.put(std::int64_t{info.null.has_value()}).put(info.null.value_or(0));
  }
  // Rows go into a table of DuckDB first, since a Parquet file is written column by column.
  (void)ask_duckdb(create, path);
  send_rows(table, row_bytes, path);
  ChildMessage write;
  write.put(static_cast<std::int64_t>(DuckDbQuestion::write)).put(std::string_view(std::filesystem::absolute(path).string()));
  write.put(static_cast<std::int64_t>(metadata.size()));
  for (const auto& [key, value] : metadata) write.put(std::string_view(key)).put(std::string_view(value));
  write.put(static_cast<std::int64_t>(structs.size()));
  for (const ParquetStruct& column : structs) {
    write.put(std::string_view(column.name)).put(static_cast<std::int64_t>(column.fields.size()));
    for (const auto& [field, from] : column.fields) write.put(std::string_view(field)).put(std::string_view(from));
  }
  (void)ask_duckdb(write, path);
}

}  // namespace skyfold
