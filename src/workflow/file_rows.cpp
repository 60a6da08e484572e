// Tables of targets and of for_each: rows of any table that skyfold reads become keys, which are texts.
#include <fmt/core.h>

#include <cmath>
#include <unordered_map>

#include "file_sections.hpp"
#include "file_values.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"

namespace skyfold::workflow {
namespace {

constexpr std::int64_t rows_at_a_time = 65'536;

/// The table; cells of text files stay as they stand: 007 is no 7.
Dataset opened(const std::string& path) {
  Dataset any(path);
  SourceOptions as_texts;
  as_texts.format = "csv";  // refused for what is no text file
  for (const ColumnInfo& column : any.schema()) as_texts.text.push_back(column.name);
  try {
    return Dataset(path, as_texts);
  } catch (const IoError&) {
    return any;
  }
}

std::string number_text(const Column& column, std::size_t row, std::size_t element) {
  const ColumnInfo& info = column.info();
  const double number = column.number(row, element);
  if (std::isnan(number)) return "";
  if (info.type == Type::f4) return shortest(static_cast<float>(number));
  return info.type == Type::f8 ? shortest(number) : fmt::format("{}", column.integer(row, element));
}

std::string cell_text(const Column& column, std::size_t row) {
  if (column.info().type == Type::text) return std::string(column.text(row));
  std::string text = number_text(column, row, 0);
  for (std::size_t element = 1; element < column.info().width; ++element) text += "," + number_text(column, row, element);
  return text;
}

std::uint64_t hash_of(const Keys& keys) {
  std::uint64_t hash = 0;
  for (const auto& [name, value] : keys) hash = hash_text(value, hash_text(name, hash + 1));
  return hash;
}

/// Rows are told apart by their keys alone.
void tell_repeated(const std::vector<Keys>& rows, FaultsOf& faults) {
  std::unordered_multimap<std::uint64_t, std::size_t> seen;
  seen.reserve(rows.size());
  constexpr std::size_t most_told = 100;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::uint64_t hash = hash_of(rows[row]);
    const auto [begin, end] = seen.equal_range(hash);
    auto same = begin;
    while (same != end && rows[same->second] != rows[row]) ++same;
    if (same == end)
      seen.emplace(hash, row);
    else if (faults.count() < most_told)
      faults.add(0, fmt::format("row {} is the same as row {}", row + 1, same->second + 1));
  }
}

std::vector<Keys> rows_of(const Dataset& table) {
  Schema columns;
  for (const ColumnInfo& column : table.schema())
    if (is_key_name(column.name)) columns.push_back(column);
  std::vector<Keys> rows;
  rows.reserve(static_cast<std::size_t>(table.rows()));
  table.each_block(columns, rows_at_a_time, [&](const Table& block, std::int64_t) {
    for (std::size_t row = 0; row < block.rows(); ++row) {
      Keys& keys = rows.emplace_back();
      keys.reserve(columns.size());
      for (std::size_t c = 0; c < columns.size(); ++c) keys.emplace_back(columns[c].name, cell_text(block[c], row));
    }
  });
  return rows;
}

}  // namespace

std::vector<Keys> read_rows(const std::string& path, std::vector<Fault>& faults) {
  FaultsOf own(path, faults);
  std::vector<Keys> rows;
  try {
    const Dataset table = opened(path);
    rows = rows_of(table);
    if (rows.empty()) own.add(0, "has no rows");
    if (!rows.empty() && rows.front().empty()) own.add(0, "has no column whose name can be that of a key (letters, digits, _, - and .)");
  } catch (const Error& error) {
    std::string message = error.what();
    // The file is named before it.
    if (message.starts_with(path)) message = trim(std::string_view(message).substr(std::min(path.size() + 1, message.size())));
    own.add(0, message);
  }
  if (!rows.empty() && !rows.front().empty()) tell_repeated(rows, own);
  return rows;
}

}  // namespace skyfold::workflow
