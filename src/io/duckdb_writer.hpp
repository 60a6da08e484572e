#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "duckdb_session.hpp"
#include "skyfold/io/parquet_file.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::duckdb {

/// Rows on their way into a Parquet file: a table in memory, to which pieces are added, and which is written at the end.
class TableWriter {
 public:
  /// @param schema  widths of numbers beyond 1 become lists
  TableWriter(Session& session, const Schema& schema);
  ~TableWriter();
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  /// Adds rows. @param columns  the first value of each column
  void append(const std::vector<const std::byte*>& columns, std::size_t rows);
  /// Writes all rows, compressed by zstd, with keys and values for the end of the file.
  void write(const std::string& path, const std::vector<std::pair<std::string, std::string>>& metadata,
             const std::vector<ParquetStruct>& structs);

 private:
  void append_chunk(const std::vector<const std::byte*>& columns, std::size_t first, std::size_t rows);
  /// What is written of the table: its columns, those of structures within these.
  [[nodiscard]] std::string selection(const std::vector<ParquetStruct>& structs) const;
  [[noreturn]] void fail() const;

  Session& session_;
  Schema schema_;
  Handle appender_ = nullptr, chunk_ = nullptr;
  std::vector<Handle> types_;
};

}  // namespace skyfold::duckdb
