// A product as CSV (RFC 4180), row by row in blocks: numbers in their shortest exact form, missing values as empty cells.
#include "skyfold/dataset/csv.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {
namespace {

void append_cell(const Column& column, std::size_t row, std::size_t element, std::string& line) {
  const ColumnInfo& info = column.info();
  switch (info.type) {
    case Type::text:
      line += csv_cell(column.text(row));
      return;
    case Type::f4:
    case Type::f8: {
      const double value = column.number(row, element);
      if (!std::isnan(value)) line += info.type == Type::f4 ? shortest(static_cast<float>(value)) : shortest(value);
      return;
    }
    default:
      if (!info.null || *info.null != column.integer(row, element)) line += std::to_string(column.integer(row, element));
  }
}

}  // namespace

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

void write_csv(const std::string& product, const Schema& schema, const std::string& path, const std::vector<std::string>& elements) {
  // This run has just written the rows.
  const RowReader reader(product, "/object", ZoneCheck::off);
  Table table(schema);
  FileAppender file(path);
  std::string text;
  for (const ColumnInfo& info : schema) {
    // The width of a text is its length; that of numbers is how many stand in a cell, each of which gets a column.
    const std::size_t width = info.type == Type::text ? 1 : info.width;
    for (std::size_t e = 0; e < width; ++e)
      text += csv_cell(width == 1                 ? info.name
                       : width == elements.size() ? info.name + "_" + elements[e]
                                                  : fmt::format("{}_{}", info.name, e)) +
              ",";
  }
  // Every cell ends with a comma; the last one of a line becomes its end.
  text.back() = '\n';
  for (std::int64_t begin = 0; begin < reader.rows(); begin += zone_rows) {
    reader.read({begin, std::min(begin + zone_rows, reader.rows())}, table);
    for (std::size_t row = 0; row < table.rows(); ++row) {
      for (std::size_t c = 0; c < table.columns(); ++c)
        for (std::size_t e = 0; e < (table[c].info().type == Type::text ? 1 : table[c].info().width); ++e) {
          append_cell(table[c], row, e, text);
          text += ',';
        }
      text.back() = '\n';
    }
    file.add(text);
    text.clear();
  }
  file.add(text);
  file.finish();
}

}  // namespace skyfold
