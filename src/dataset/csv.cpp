// A product as CSV (RFC 4180), row by row in blocks: numbers in their shortest exact form, missing values as empty cells.
#include "skyfold/dataset/csv.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/escape.hpp"
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

/// The width of a text is its length; that of numbers is how many stand in a cell, each of which gets a column.
std::size_t cells_of(const ColumnInfo& info) { return info.type == Type::text ? 1 : info.width; }
std::string cell_name(const ColumnInfo& info, std::size_t e) {
  return cells_of(info) == 1 ? info.name : fmt::format("{}_{}", info.name, e);
}

const char* ecsv_type(Type type) {
  constexpr const char* names[] = {"float32", "float64", "int32", "int64", "uint8", "string"};
  return names[static_cast<std::size_t>(type)];
}

}  // namespace

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

std::string csv_header(const Schema& schema, const std::vector<std::string>& elements) {
  std::string text;
  for (const ColumnInfo& info : schema) {
    const std::size_t width = cells_of(info);
    for (std::size_t e = 0; e < width; ++e)
      text += csv_cell(width > 1 && width == elements.size() ? info.name + "_" + elements[e] : cell_name(info, e)) + ",";
  }
  // Every cell ends with a comma; the last one of a line becomes its end.
  text.back() = '\n';
  return text;
}

std::string ecsv_header(const Schema& schema) {
  // JSON's strings are YAML's.
  const auto quoted = [](const std::string& value) { return json_text(nlohmann::json(value)); };
  std::string text = "# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n";
  for (const ColumnInfo& info : schema)
    for (std::size_t e = 0; e < cells_of(info); ++e) {
      text += fmt::format("# - {{name: {}, datatype: {}", quoted(cell_name(info, e)), ecsv_type(info.type));
      if (!info.unit.empty()) text += fmt::format(", unit: {}", quoted(info.unit));
      if (!info.description.empty()) text += fmt::format(", description: {}", quoted(info.description));
      if (!info.ucd.empty()) text += fmt::format(", meta: {{ucd: {}}}", quoted(info.ucd));
      text += "}\n";
    }
  return text + "# schema: astropy-2.0\n";
}

void add_csv_rows(const Table& table, std::string& text) {
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::size_t begin = text.size();
    for (std::size_t c = 0; c < table.columns(); ++c)
      for (std::size_t e = 0; e < cells_of(table[c].info()); ++e) {
        append_cell(table[c], row, e, text);
        text += ',';
      }
    text.back() = '\n';
    // A line without anything would be passed over by readers.
    if (text.size() == begin + 1) text.insert(begin, "\"\"");
  }
}

void write_csv(const std::string& product, const Schema& schema, const std::string& path, const std::vector<std::string>& elements) {
  // This run has just written the rows.
  const RowReader reader(product, "/object", ZoneCheck::off);
  Table table(schema);
  FileAppender file(path);
  std::string text = csv_header(schema, elements);
  for (std::int64_t begin = 0; begin < reader.rows(); begin += zone_rows) {
    reader.read({begin, std::min(begin + zone_rows, reader.rows())}, table);
    add_csv_rows(table, text);
    file.add(text);
    text.clear();
  }
  file.add(text);
  file.finish();
}

}  // namespace skyfold
