// Conditions of nodes: the language of conditions on columns (table/expression.hpp), in which keys stand in braces and words are texts.
// Keys are texts; one that looks like a number is a number where it is compared with one.
#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "file_values.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/expression.hpp"
#include "skyfold/workflow/file.hpp"

namespace skyfold::workflow {
namespace {

constexpr std::size_t most_ambiguous_keys = 10;  // each doubles what is tried

bool is_word_part(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || c == '_' || c == '.' || byte >= 0x80;
}

bool is_of_the_language(const std::string& word) {
  for (const char* own : {"and", "or", "not", "in", "abs", "missing"})
    if (lower(word) == own) return true;
  return false;
}

/// The next part of a condition, which is moved behind it, in the language of conditions.
std::string take_part(std::string_view& rest) {
  const char first = rest.front();
  std::size_t end = 1;
  if (first == '\'' || first == '"' || first == '`') end = std::min(rest.find(first, 1), rest.size() - 1) + 1;
  if (first == '{' && rest.find('}') != std::string_view::npos) end = rest.find('}') + 1;
  if (is_word_part(first))
    while (end < rest.size() && is_word_part(rest[end])) ++end;
  const std::string part(rest.substr(0, end));
  rest.remove_prefix(end);
  if (first == '{' && end > 2 && is_key_name(std::string_view(part).substr(1, end - 2))) return "`" + part.substr(1, end - 2) + "`";
  const bool is_word = is_word_part(first) && std::isdigit(static_cast<unsigned char>(first)) == 0 && first != '.';
  return is_word && !is_of_the_language(part) ? "'" + part + "'" : part;
}

std::string in_the_language(std::string_view condition) {
  std::string text;
  for (std::string_view rest = condition; !rest.empty();) text += take_part(rest);
  return text;
}

/// Keys in a condition, each once.
std::vector<std::string> keys_in(const std::string& condition) {
  std::vector<std::string> names = names_in_braces(condition);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

/// A key as a column: of numbers where it may be one and is to be one.
ColumnInfo column_of(const std::string& name, std::string_view value, bool is_text) {
  if (is_text) return {.name = name, .type = Type::text, .width = std::max<std::size_t>(1, value.size())};
  return {.name = name, .type = parse_integer(value) ? Type::i8 : Type::f8};
}

/// Missing is a number that is missing; "nan" and "inf" are words.
bool may_be_number(std::string_view value) {
  return value.empty() || (parse_double(value) && std::isfinite(*parse_double(value)) && value.find_first_of("0123456789") < 3);
}

void set_value(Column& column, std::string_view value) {
  if (column.info().type == Type::text) {
    std::fill(column.bytes().begin(), column.bytes().end(), std::byte{0});
    std::memcpy(column.bytes().data(), value.data(), value.size());
  } else if (column.info().type == Type::i8) {
    column.values<std::int64_t>()[0] = *parse_integer(value);
  } else {
    column.values<double>()[0] = parse_double(value).value_or(std::numeric_limits<double>::quiet_NaN());
  }
}

/// The condition compiled for the first choice of types that it admits: numbers before texts. Throws UsageError when there is none.
/// @param values  of `names`; empty: any
std::pair<Condition, Schema> compiled(const std::string& condition, const std::vector<std::string>& names,
                                      const std::vector<std::string>& values) {
  std::vector<std::size_t> ambiguous;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (ambiguous.size() < most_ambiguous_keys && (values.empty() || may_be_number(values[i]))) ambiguous.push_back(i);
  const std::string text = in_the_language(condition);
  std::optional<std::string> problem;
  for (std::size_t choice = 0; choice < std::size_t{1} << ambiguous.size(); ++choice) {
    Schema schema;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto place = static_cast<std::size_t>(std::find(ambiguous.begin(), ambiguous.end(), i) - ambiguous.begin());
      const bool is_text = place == ambiguous.size() || (choice >> place & 1) != 0;
      schema.push_back(column_of(names[i], values.empty() ? "0" : values[i], is_text));
    }
    try {
      return {Condition(text, schema, "if"), schema};
    } catch (const UsageError& error) {
      if (!problem) problem = error.what();
    }
  }
  throw UsageError(*problem);
}

}  // namespace

void check_condition(const std::string& condition) {
  if (!trim(condition).empty()) (void)compiled(condition, keys_in(condition), {});
}

bool holds_for(const std::string& condition, const Keys& keys) {
  if (trim(condition).empty()) return true;
  const std::vector<std::string> names = keys_in(condition);
  std::vector<std::string> values;
  for (const std::string& name : names) {
    const auto value = value_of(keys, name);
    if (!value) throw DataError(fmt::format("no key '{}' for the condition {}", name, condition));
    values.push_back(*value);
  }
  try {
    const auto [compiled_condition, schema] = compiled(condition, names, values);
    Table row(schema, 1);
    for (std::size_t i = 0; i < names.size(); ++i) set_value(row[i], values[i]);
    std::uint8_t holds = 0;
    compiled_condition.evaluate(row, {&holds, 1});
    return holds != 0;
  } catch (const UsageError& error) {
    std::vector<std::string> told;
    for (std::size_t i = 0; i < names.size(); ++i) told.push_back(names[i] + "=" + values[i]);
    throw DataError(fmt::format("{} (with {})", error.what(), told.empty() ? "no keys" : join(told, " ")));
  }
}

}  // namespace skyfold::workflow
