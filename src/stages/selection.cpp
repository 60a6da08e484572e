#include "selection.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr std::array relations = {"<=", ">=", "==", "!=", "<", ">"};  // the longer ones first

/// The parts of a text between the words "and" or the signs "&&".
std::vector<std::string> conjuncts(std::string text) {
  for (const std::string word : {" and ", " AND "})
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word))
      text.replace(at, word.size(), "&&");
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find("&&", from), text.size());
    parts.emplace_back(trim(std::string_view(text).substr(from, to - from)));
    from = to + 2;
  }
  return parts;
}

}  // namespace

bool Selection::Test::holds(double value) const noexcept {
  if (std::isnan(value)) return false;
  if (relation == "<") return value < limit;
  if (relation == "<=") return value <= limit;
  if (relation == ">") return value > limit;
  if (relation == ">=") return value >= limit;
  return (value == limit) == (relation == "==");
}

Selection::Selection(const std::string& text, const std::string& option, const Schema& schema, const std::string& path,
                     const std::vector<std::pair<std::string, std::string>>& alias) {
  if (trim(text).empty()) return;
  for (const std::string& part : conjuncts(text)) {
    const auto relation =
        std::ranges::find_if(relations, [&](const char* r) { return part.find(r) != std::string::npos; });
    const std::size_t at = relation == relations.end() ? std::string::npos : part.find(*relation);
    if (at == std::string::npos)
      throw UsageError(fmt::format("--{}: '{}' is not a comparison (such as 'r<19 and dec>=0')", option, part));
    Test test{std::string(trim(std::string_view(part).substr(0, at))), *relation, 0.0};
    const std::string number(trim(std::string_view(part).substr(at + test.relation.size())));
    const auto limit = parse_double(number);
    if (!limit || std::isnan(*limit))
      throw UsageError(fmt::format("--{}: '{}' is not a number (in '{}')", option, number, part));
    test.limit = *limit;
    const auto other = std::ranges::find(alias, test.column, &std::pair<std::string, std::string>::first);
    if (!find_column(schema, test.column) && other != alias.end()) test.column = other->second;
    const auto column = find_column(schema, test.column);
    if (!column) throw UsageError(fmt::format("{}: no column '{}' (named by --{})", path, test.column, option));
    if (schema[*column].type == Type::text || schema[*column].width != 1)
      throw UsageError(
          fmt::format("{}: column {} is not a column of numbers (named by --{})", path, test.column, option));
    tests_.push_back(test);
  }
}

std::vector<std::string> Selection::needs() const {
  std::vector<std::string> names;
  for (const Test& test : tests_)
    if (std::ranges::find(names, test.column) == names.end()) names.push_back(test.column);
  return names;
}

std::vector<std::size_t> Selection::selected(const Table& table) const {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < table.rows(); ++i)
    if (std::ranges::all_of(tests_, [&](const Test& test) { return test.holds(table.at(test.column).number(i)); }))
      rows.push_back(i);
  return rows;
}

}  // namespace skyfold
