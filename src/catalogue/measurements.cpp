// Measurements of a catalogue's objects, read by ranges of objects or of rows; numbers of a dictionary become its texts again.
#include "skyfold/catalogue/measurements.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr const char* role_prefix = "meas_";

std::vector<std::string> texts_of(const std::string& path, const std::string& column) {
  const Table table = read_columns(path, meas_dictionary_group(column));
  const Column* const value = table.find("value");
  if (value == nullptr || value->info().type != Type::text) throw DataError(fmt::format("{}: damaged dictionary of {}", path, column));
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < table.rows(); ++i) texts.emplace_back(value->text(i));
  return texts;
}

const char* group_of(Measurements::Which which) { return which == Measurements::Which::orphans ? meas_orphan_group : meas_group; }

std::string checked(const std::string& path) {
  if (!has_measurements(path)) throw DataError(path + ": has no measurements (import --measurements adds them to a catalogue of objects)");
  return path;
}

}  // namespace

Attributes attributes_of(const MeasurementRoles& roles) {
  Attributes attributes;
  for (const auto& [name, column] : {std::pair{"filter", roles.filter}, std::pair{"time", roles.time}, std::pair{"id", roles.id},
                                     std::pair{"ra", roles.ra}, std::pair{"dec", roles.dec}})
    attributes[std::string(role_prefix) + name] = column;
  // By line: a name may have a comma in it.
  attributes[std::string(role_prefix) + "texts"] = join(roles.texts, "\n");
  return attributes;
}

MeasurementRoles measurement_roles(const Attributes& attributes) {
  const auto role = [&](const char* name) {
    const auto found = attributes.find(std::string(role_prefix) + name);
    return found == attributes.end() ? std::string() : found->second;
  };
  MeasurementRoles roles{role("filter"), role("time"), role("id"), role("ra"), role("dec"), {}};
  if (!role("texts").empty()) roles.texts = split(role("texts"), '\n');
  return roles;
}

Measurements::Measurements(const std::string& path, Which which, ZoneCheck check)
    : which_(which),
      rows_(checked(path), group_of(which), check),
      offsets_(path, meas_offset_group, check),
      schema_(rows_.schema()),
      roles_(measurement_roles(read_attributes(path))) {
  for (ColumnInfo& column : schema_) {
    if (std::ranges::find(roles_.texts, column.name) == roles_.texts.end()) continue;
    const std::vector<std::string>& texts = dictionaries_[column.name] = texts_of(path, column.name);
    column.type = Type::text;
    column.width = 1;
    for (const std::string& text : texts) column.width = std::max(column.width, text.size());
    column.null.reset();
  }
}

std::vector<std::int64_t> Measurements::first_rows(RowRange objects) const {
  std::vector<std::int64_t> first(static_cast<std::size_t>(objects.size()) + 1);
  offsets_.read(0, {objects.begin, objects.end + 1}, std::as_writable_bytes(std::span(first)));
  // Rows are read by these: a damaged file must not send a reader elsewhere.
  if (first.front() < 0 || first.back() > rows_.rows() || !std::is_sorted(first.begin(), first.end()))
    throw DataError(path() + ": damaged index of measurements");
  return first;
}

RowRange Measurements::rows_of(RowRange objects) const {
  std::int64_t begin = 0, end = 0;
  offsets_.read(0, {objects.begin, objects.begin + 1}, std::as_writable_bytes(std::span(&begin, 1)));
  offsets_.read(0, {objects.end, objects.end + 1}, std::as_writable_bytes(std::span(&end, 1)));
  if (begin < 0 || end < begin || (which_ == Which::of_objects && end > rows_.rows()))
    throw DataError(path() + ": damaged index of measurements");
  return {begin, end};
}

std::int64_t Measurements::object_of(std::int64_t row) const {
  // The last object whose first row is not behind the row: objects without measurements stand before it.
  std::int64_t low = 0, high = objects();
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (rows_of({middle, middle + 1}).end <= row)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

const std::vector<std::string>& Measurements::dictionary(const std::string& column) const {
  static const std::vector<std::string> none;
  const auto found = dictionaries_.find(column);
  return found == dictionaries_.end() ? none : found->second;
}

void Measurements::read_texts(RowRange rows, std::size_t column, Column& to) const {
  const ColumnInfo& stored = rows_.schema()[column];
  Table codes({stored}, static_cast<std::size_t>(rows.size()));
  rows_.read(column, rows, codes[0].bytes());
  const std::vector<std::string>& texts = dictionaries_.at(stored.name);
  const std::span<char> out = to.values<char>();
  const std::size_t width = to.info().width;
  std::ranges::fill(out, '\0');
  for (std::size_t i = 0; i < codes.rows(); ++i) {
    const std::int64_t code = codes[0].integer(i);
    if (code < 0 || code >= std::ssize(texts))
      throw DataError(fmt::format("{}, column {}: {} is not in its dictionary (damaged)", path(), stored.name, code));
    const std::string& text = texts[static_cast<std::size_t>(code)];
    std::copy_n(text.begin(), std::min(width, text.size()), out.begin() + static_cast<std::ptrdiff_t>(i * width));
  }
}

void Measurements::fill_object_rows(RowRange rows, Column& to) const {
  constexpr std::int64_t objects_at_once = 1 << 14;
  const std::span<std::int64_t> out = to.values<std::int64_t>();
  if (which_ == Which::orphans) {
    std::ranges::fill(out, std::int64_t{-1});
    return;
  }
  std::int64_t row = rows.begin;
  for (std::int64_t object = row < rows.end ? object_of(row) : objects(); row < rows.end;) {
    const RowRange some{object, std::min(object + objects_at_once, objects())};
    // An index that ends before the rows would be read for ever.
    if (some.size() == 0) throw DataError(path() + ": damaged index of measurements");
    const std::vector<std::int64_t> first = first_rows(some);
    for (std::size_t i = 0; i + 1 < first.size(); ++i, ++object)
      for (; row < std::min(first[i + 1], rows.end); ++row) out[static_cast<std::size_t>(row - rows.begin)] = object;
  }
}

void Measurements::read(RowRange rows, Table& table) const {
  table.resize(static_cast<std::size_t>(rows.size()));
  if (rows.size() == 0) return;
  for (std::size_t i = 0; i < table.columns(); ++i) {
    const ColumnInfo& wanted = table[i].info();
    const auto column = find_column(rows_.schema(), wanted.name);
    if (!column) {
      if (wanted.name != object_row_column || wanted.type != Type::i8)
        throw DataError(fmt::format("{}: no column {} among the measurements", path(), wanted.name));
      fill_object_rows(rows, table[i]);
      continue;
    }
    const ColumnInfo& stored = rows_.schema()[*column];
    if (wanted.type == Type::text && dictionaries_.contains(stored.name)) {
      read_texts(rows, *column, table[i]);
      continue;
    }
    if (stored.type != wanted.type || stored.width != wanted.width)
      throw DataError(fmt::format("{}: column {} of the measurements is {} {}, not {} {}", path(), wanted.name, stored.width,
                                  name_of(stored.type), wanted.width, name_of(wanted.type)));
    rows_.read(*column, rows, table[i].bytes());
  }
}

bool has_measurements(const std::string& path) { return has_columns(path, meas_group) && has_columns(path, meas_offset_group); }

bool has_orphans(const std::string& path) { return has_columns(path, meas_orphan_group); }

}  // namespace skyfold
