// Evaluates conditions on a table, both from standard input, for tests in other languages.
//
// A line per column: name, type, null or -; an empty line; a line per row, values separated by tabs; an empty line; a condition
// per line. Answers a line per condition: 1 or 0 per row, or "error: " and the message.
#include <fmt/core.h>

#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/expression.hpp"

using namespace skyfold;

namespace {

constexpr std::size_t text_width = 12;

Schema read_schema() {
  Schema schema;
  for (std::string line; std::getline(std::cin, line) && !line.empty();) {
    const std::vector<std::string> parts = split(line, ' ');
    ColumnInfo column{parts[0]};
    for (const Type type : {Type::f4, Type::f8, Type::i4, Type::i8, Type::u1, Type::text})
      if (name_of(type) == parts[1]) column.type = type;
    if (column.type == Type::text) column.width = text_width;
    if (parts[2] != "-") column.null = parse_integer(parts[2]).value();
    schema.push_back(column);
  }
  return schema;
}

void set(Column& column, std::size_t row, const std::string& value) {
  switch (column.info().type) {
    case Type::f4:
      column.values<float>()[row] = static_cast<float>(parse_double(value).value());
      break;
    case Type::f8:
      column.values<double>()[row] = parse_double(value).value();
      break;
    case Type::i4:
      column.values<std::int32_t>()[row] = static_cast<std::int32_t>(parse_integer(value).value());
      break;
    case Type::i8:
      column.values<std::int64_t>()[row] = parse_integer(value).value();
      break;
    case Type::u1:
      column.values<std::uint8_t>()[row] = static_cast<std::uint8_t>(parse_integer(value).value());
      break;
    case Type::text:
      std::memset(column.values<char>().data() + row * text_width, 0, text_width);
      std::memcpy(column.values<char>().data() + row * text_width, value.data(), value.size());
  }
}

Table read_rows(const Schema& schema) {
  Table table(schema);
  for (std::string line; std::getline(std::cin, line) && !line.empty();) {
    const std::vector<std::string> values = split(line, '\t');
    table.resize(table.rows() + 1);
    for (std::size_t c = 0; c < schema.size(); ++c) set(table[c], table.rows() - 1, values.at(c));
  }
  return table;
}

std::string answer(const std::string& text, const Table& table) {
  try {
    std::vector<std::uint8_t> holds(table.rows());
    Condition(text, table.schema(), "condition").evaluate(table, holds);
    std::string digits;
    for (const std::uint8_t one : holds) digits += static_cast<char>('0' + one);
    return digits;
  } catch (const Error& error) {
    return fmt::format("error: {}", error.what());
  }
}

}  // namespace

int main() {
  const Table table = read_rows(read_schema());
  for (std::string line; std::getline(std::cin, line);) fmt::print("{}\n", answer(line, table));
  return 0;
}
