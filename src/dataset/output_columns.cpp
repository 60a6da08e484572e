// --columns: which columns an answer has.
#include "skyfold/dataset/output_columns.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

/// What stands before and behind the last "as".
std::pair<std::string, std::string> named(const std::string& text) {
  const std::string small = lower(text);
  const std::size_t at = small.rfind(" as ");
  if (at == std::string::npos) return {std::string(trim(text)), ""};
  return {std::string(trim(text.substr(0, at))), std::string(trim(text.substr(at + 4)))};
}

std::string without_backquotes(const std::string& name) {
  return name.size() > 2 && name.front() == '`' && name.back() == '`' ? name.substr(1, name.size() - 2) : name;
}

}  // namespace

OutputColumns::OutputColumns(const std::vector<std::string>& texts, const Schema& schema) {
  for (const std::string& text : texts) add_text(text, schema);
  if (texts.empty()) add_text("*", schema);
}

void OutputColumns::add_text(const std::string& text, const Schema& schema) {
  if (text == "*") {
    for (const ColumnInfo& column : schema) (void)add(column);
    return;
  }
  const auto [left, right] = named(text);
  const std::string name = without_backquotes(right), source = without_backquotes(left);
  if (left.empty() || text.ends_with(" as"))
    throw UsageError(fmt::format("--columns '{}': an expression and a name are needed, as in mag_g - mag_r as gr", text));
  // A column of that very name goes before a calculation that could be read so: names may have signs.
  if (const auto column = find_column(schema, source)) {
    ColumnInfo info = schema[*column];
    if (!name.empty()) info.name = name;
    return add(info, {source});
  }
  const NumberExpression formula(left, schema, "--columns");
  if (name.empty()) throw UsageError(fmt::format("--columns '{}': a calculated column needs a name (write '{} as NAME')", text, left));
  add({.name = name, .type = Type::f8, .description = left}, {"", formula});
}

bool OutputColumns::add(const ColumnInfo& column) {
  if (find_column(schema_, column.name)) return false;
  add(column, {column.name});
  return true;
}

void OutputColumns::add(ColumnInfo column, Made made) {
  if (find_column(schema_, column.name)) throw UsageError(fmt::format("--columns: two columns are called '{}'", column.name));
  if (column.name.find('/') != std::string::npos) throw UsageError(fmt::format("--columns: a column '{}' (names have no /)", column.name));
  schema_.push_back(std::move(column));
  made_.push_back(std::move(made));
}

std::vector<std::string> OutputColumns::needs() const {
  std::vector<std::string> names;
  for (const Made& made : made_) {
    if (!made.formula) names.push_back(made.from);
    if (made.formula) names.insert(names.end(), made.formula->columns().begin(), made.formula->columns().end());
  }
  return names;
}

Table OutputColumns::make(const Table& rows) const {
  Table out(schema_, rows.rows());
  for (std::size_t c = 0; c < made_.size(); ++c)
    if (made_[c].formula)
      made_[c].formula->evaluate(rows, 0, out[c].values<double>());
    else
      std::ranges::copy(rows.at(made_[c].from).bytes(), out[c].bytes().begin());
  return out;
}

}  // namespace skyfold
