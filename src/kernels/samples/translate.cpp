// From the quality flags and classes of each survey to common codes: by values of a column, or by conditions.
#include "skyfold/kernels/samples/translate.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/exact_number.hpp"

namespace skyfold {
namespace {

bool is_same(std::string_view text, std::string_view lower_case) noexcept {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
}

int code_of(const std::string& text, const std::vector<std::string>& codes, int low, int high, const std::string& what) {
  if (!codes.empty()) {
    const auto found = std::find(codes.begin(), codes.end(), lower(text));
    if (found == codes.end()) throw UsageError(fmt::format("{}: '{}' (must be one of {})", what, text, join(codes, ", ")));
    return static_cast<int>(found - codes.begin());
  }
  const auto number = parse_integer(text);
  if (!number || *number < low || *number > high) throw UsageError(fmt::format("{}: '{}' (must be {} to {})", what, text, low, high));
  return static_cast<int>(*number);
}

}  // namespace

std::vector<std::pair<std::string, int>> parse_values(const std::vector<std::string>& parts, const std::vector<std::string>& codes, int low,
                                                      int high, const std::string& what) {
  std::vector<std::pair<std::string, int>> values;
  for (const std::string& part : parts) {
    // The last one: values may hold colons.
    const std::size_t colon = part.rfind(':');
    if (colon == std::string::npos) throw UsageError(fmt::format("{}: '{}' (must be of the form VALUE:CODE)", what, part));
    const std::string value(trim(std::string_view(part).substr(0, colon))), code(trim(std::string_view(part).substr(colon + 1)));
    // Texts of a column are found whatever their case.
    if (std::any_of(values.begin(), values.end(), [&](const auto& known) { return lower(known.first) == lower(value); }))
      throw UsageError(fmt::format("{}: {} is given twice", what, value));
    values.emplace_back(value, code_of(code, codes, low, high, what));
  }
  return values;
}

Translator::Translator(TranslationRule rule, const Schema& schema, const std::string& what, const std::vector<std::string>& codes)
    : rule_(std::move(rule)) {
  const auto need = [&](const std::string& name) {
    if (std::find(columns_.begin(), columns_.end(), name) == columns_.end()) columns_.push_back(name);
  };
  for (const auto& [text, code] : rule_.conditions) {
    const std::string name = codes.empty() ? std::to_string(code) : codes[static_cast<std::size_t>(code)];
    conditions_.emplace_back(Condition(text, schema, fmt::format("{}.{}", what, name)), code);
    for (const std::string& column : conditions_.back().first.columns()) need(column);
  }
  if (rule_.column.empty() || rule_.values.empty()) return;
  const auto column = find_column(schema, rule_.column);
  if (!column || schema[*column].width != 1) {
    if (!column || schema[*column].type != Type::text)
      throw UsageError(fmt::format("{}: no column '{}' of single values", what, rule_.column));
  }
  need(rule_.column);
  for (const auto& [text, code] : rule_.values) {
    if (schema[*column].type == Type::text) {
      // Catalogues of one survey write GALAXY and Galaxy.
      texts_.emplace_back(lower(text), code);
      continue;
    }
    // Flags of 64 bits are compared as whole numbers; as doubles neighbouring ones would be the same.
    const auto number = parse_exact(text);
    if (!number) throw UsageError(fmt::format("{}: '{}' is not a number, but column {} is one of numbers", what, text, rule_.column));
    const bool is_real = schema[*column].type == Type::f4 || schema[*column].type == Type::f8;
    if (is_real)
      numbers_.emplace_back(number->nearest, code);
    else if (const auto whole = number->whole())
      wholes_.emplace_back(*whole, code);  // a fraction equals no whole number
  }
}

void Translator::translate(const Table& table, std::span<int> codes) const {
  std::fill(codes.begin(), codes.end(), rule_.otherwise);
  // Values first, conditions over them: a condition is the more particular statement.
  look_up(table, codes);
  std::vector<std::uint8_t> holds(table.rows());
  // The first condition that holds decides: so the last ones are tried first.
  for (auto condition = conditions_.rbegin(); condition != conditions_.rend(); ++condition) {
    condition->first.evaluate(table, holds);
    for (std::size_t i = 0; i < holds.size(); ++i)
      if (holds[i]) codes[i] = condition->second;
  }
}

void Translator::look_up(const Table& table, std::span<int> codes) const {
  if (texts_.empty() && numbers_.empty() && wholes_.empty()) return;
  const Column& column = table.at(rule_.column);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (!wholes_.empty()) {
      const std::int64_t value = column.integer(i);
      for (const auto& [number, code] : wholes_)
        // The value that stands for missing is no value, even if the user names it.
        if (number == value && column.info().null != value) codes[i] = code;
      continue;
    }
    if (!numbers_.empty()) {
      const double value = column.number(i);
      for (const auto& [number, code] : numbers_)
        if (number == value) codes[i] = code;
      continue;
    }
    const std::string_view value = trim(column.text(i));
    for (const auto& [text, code] : texts_)
      if (is_same(value, text)) codes[i] = code;
  }
}

}  // namespace skyfold
