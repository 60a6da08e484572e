// Statements for PostgreSQL (15 and later): tables, comments, indexes. Foreign names stand in double quotes, foreign texts in single ones.
#include "postgres.hpp"

#include <fmt/core.h>

#include "skyfold/io/sql_text.hpp"

namespace skyfold {
namespace {

std::string type_of(const ColumnInfo& info) {
  switch (info.type) {
    case Type::f4:
      return "real";
    case Type::f8:
      return "double precision";
    case Type::i4:
      return "integer";
    case Type::i8:
      return "bigint";
    case Type::u1:
      // There are no bytes without sign.
      return "smallint";
    case Type::text:
      return fmt::format("varchar({})", info.width);
  }
  return "";
}

/// Columns as in CSV, by name and what they are of.
std::vector<std::pair<std::string, const ColumnInfo*>> flat_columns(const Schema& schema) {
  std::vector<std::pair<std::string, const ColumnInfo*>> columns;
  for (const ColumnInfo& info : schema) {
    if (info.type == Type::text || info.width == 1) {
      columns.emplace_back(info.name, &info);
      continue;
    }
    for (std::size_t i = 0; i < info.width; ++i) columns.emplace_back(fmt::format("{}_{}", info.name, i), &info);
  }
  return columns;
}

}  // namespace

std::string postgres_table(const PostgresTable& table) {
  std::string sql = fmt::format("CREATE TABLE {} (\n", sql_name(table.name)), comments;
  const auto columns = flat_columns(table.schema);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& [name, info] = columns[i];
    sql += fmt::format("  {} {}{}\n", sql_name(name), type_of(*info), i + 1 < columns.size() ? "," : "");
    std::string comment = info->description;
    if (!info->unit.empty()) comment += fmt::format("{}[{}]", comment.empty() ? "" : " ", info->unit);
    if (!info->ucd.empty()) comment += fmt::format("{}UCD {}", comment.empty() ? "" : "; ", info->ucd);
    if (!comment.empty())
      comments += fmt::format("COMMENT ON COLUMN {}.{} IS {};\n", sql_name(table.name), sql_name(name), sql_text(comment));
  }
  return sql + ");\n" + comments;
}

std::string postgres_indexes(const PostgresTable& table) {
  std::string sql;
  const std::string name = sql_name(table.name);
  if (!table.roles.id.empty()) sql += fmt::format("ALTER TABLE {} ADD PRIMARY KEY ({});\n", name, sql_name(table.roles.id));
  if (!table.roles.ra.empty() && !table.roles.dec.empty()) {
    const std::string index = sql_name(table.name + "_q3c");
    sql += fmt::format("CREATE EXTENSION IF NOT EXISTS q3c;\nCREATE INDEX {} ON {} (q3c_ang2ipix({}, {}));\nCLUSTER {} USING {};\n", index,
                       name, sql_name(table.roles.ra), sql_name(table.roles.dec), name, index);
  }
  return sql + fmt::format("ANALYZE {};\n", name);
}

std::string postgres_copy(const PostgresTable& table) {
  std::string columns;
  for (const auto& [name, info] : flat_columns(table.schema)) columns += (columns.empty() ? "" : ", ") + sql_name(name);
  return fmt::format("COPY {} ({}) FROM STDIN WITH (FORMAT csv);\n", sql_name(table.name), columns);
}

std::string postgres_copy_end() { return "\\.\n"; }
std::string postgres_begin() { return "\\set ON_ERROR_STOP on\nSET client_encoding = 'UTF8';\nBEGIN;\n"; }
std::string postgres_end() { return "COMMIT;\n"; }

}  // namespace skyfold
