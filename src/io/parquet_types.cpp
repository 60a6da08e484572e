// Types of Parquet, as DuckDB names them, as columns: integers that hold every value, dates as days, nothing cut short in silence.
// Each value is cast to what it is read as, so that DuckDB vouches for the bytes, whatever the next file of a folder has.
#include "parquet_types.hpp"

#include <fmt/core.h>

#include <cstdio>

#include "skyfold/io/sql_text.hpp"
#include "source_convert.hpp"

namespace skyfold {
namespace {

/// Modified Julian Date of the Unix epoch, and microseconds of a day.
constexpr const char* days_of_time = "epoch_us({}) / 86400000000.0 + 40587.0";
constexpr const char* days_of_date = "CAST(({}) - DATE '1970-01-01' AS DOUBLE) + 40587.0";

void set_integer(ParquetColumn& column, Type type, std::int64_t null, bool can_be_missing) {
  column.info.type = type;
  if (can_be_missing) column.info.null = null;
}

void set_days(ParquetColumn& column, const char* expression, const std::string& name, const char* what) {
  column.info.type = Type::f8;
  column.info.unit = "d";
  column.info.ucd = "time.epoch";
  column.info.description = "Modified Julian Date";
  column.expression = fmt::format(fmt::runtime(expression), name);
  column.remark = fmt::format("{} become Modified Julian Dates", what);
}

/// DECIMAL(p,s): whole numbers that fit stay whole.
void set_decimal(ParquetColumn& column, const std::string& type, const std::string& name, bool can_be_missing) {
  int digits = 0, behind_point = 0;
  if (std::sscanf(type.c_str(), "DECIMAL(%d,%d)", &digits, &behind_point) == 2 && behind_point == 0 && digits <= 18) {
    column.expression = fmt::format("CAST({} AS BIGINT)", name);
    return set_integer(column, Type::i8, missing_i8, can_be_missing);
  }
  column.info.type = Type::f8;
  column.expression = fmt::format("CAST({} AS DOUBLE)", name);
  // A double holds fifteen digits of any decimal number.
  if (digits > 15) column.remark = fmt::format("decimal numbers of {} digits are rounded to 64-bit floating-point numbers", digits);
}

void set_text(ParquetColumn& column, const std::string& expression, const char* length) {
  column.info.type = Type::text;
  column.expression = expression;
  column.length = fmt::format("{}({})", length, expression);
}

/// Types that are cast to one of ours; false for others.
bool set_plain(ParquetColumn& column, const std::string& type, const std::string& name, bool can_be_missing) {
  const auto cast = [&](const char* to) { column.expression = fmt::format("CAST({} AS {})", name, to); };
  if (type == "BOOLEAN") {
    cast("UTINYINT");
    // Logicals have a value to spare, as those of FITS.
    set_integer(column, Type::u1, missing_u1, true);
    // All 256 values may be there, so none is left for missing: with missing values it becomes a wider type, below.
  } else if (type == "UTINYINT" && !can_be_missing) {
    cast("UTINYINT");
    set_integer(column, Type::u1, 0, false);
  } else if (type == "TINYINT" || type == "UTINYINT" || type == "SMALLINT" || type == "USMALLINT" || type == "INTEGER" ||
             type == "\"NULL\"") {
    cast("INTEGER");
    set_integer(column, Type::i4, missing_i4, can_be_missing);
  } else if (type == "UINTEGER" || type == "BIGINT") {
    cast("BIGINT");
    set_integer(column, Type::i8, missing_i8, can_be_missing);
  } else if (type == "UBIGINT") {
    cast("UBIGINT");
    column.is_unsigned = true;
    // Its upper half has no place in 64 bits with a sign, and is reported cell by cell.
    set_integer(column, Type::i8, missing_i8, true);
  } else if (type == "FLOAT") {
    cast("FLOAT");
    column.info.type = Type::f4;
  } else if (type == "DOUBLE") {
    cast("DOUBLE");
    column.info.type = Type::f8;
  } else {
    return false;
  }
  return true;
}

}  // namespace

ParquetColumn parquet_column(const ParquetElement& element, std::int64_t rows) {
  ParquetColumn column;
  column.info.name = column.info.source = element.name;
  column.is_void = element.missing == rows && rows > 0;
  const std::string &type = element.type, quoted = sql_name(element.sql_name);
  const bool can_be_missing = element.missing != 0;
  if (type.ends_with(']'))
    column.left_out = "has lists of values";
  else if (type.starts_with("STRUCT") || type.starts_with("MAP") || type.starts_with("UNION"))
    column.left_out = fmt::format("is nested ({})", type.substr(0, type.find('(')));
  else if (set_plain(column, type, quoted, can_be_missing))
    return column;
  else if (type.starts_with("DECIMAL"))
    set_decimal(column, type, quoted, can_be_missing);
  else if (type.starts_with("TIMESTAMP"))
    set_days(column, days_of_time, quoted, "times");
  else if (type == "DATE")
    set_days(column, days_of_date, quoted, "dates");
  else if (type == "VARCHAR" || type == "JSON" || type == "UUID" || type.starts_with("ENUM") || type.starts_with("TIME"))
    set_text(column, fmt::format("CAST({} AS VARCHAR)", quoted), "strlen");
  else if (type == "BLOB")
    set_text(column, fmt::format("CAST({} AS BLOB)", quoted), "octet_length");
  else
    column.left_out = fmt::format("has values of type {}", type);
  return column;
}

}  // namespace skyfold
