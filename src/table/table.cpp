// Columns in memory: typed spans over aligned bytes. Text cells have a fixed width, as in FITS and HDF5.
#include "skyfold/table/table.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

template <class T>
constexpr Type type_of() {
  if constexpr (std::is_same_v<T, float>)
    return Type::f4;
  else if constexpr (std::is_same_v<T, double>)
    return Type::f8;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return Type::i4;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return Type::i8;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return Type::u1;
  else
    return Type::text;
}

}  // namespace

std::size_t size_of(Type type) noexcept {
  switch (type) {
    case Type::f4:
    case Type::i4:
      return 4;
    case Type::f8:
    case Type::i8:
      return 8;
    default:
      return 1;
  }
}

// In the order of the enumeration; these names stand in files, so they never change.
std::string_view name_of(Type type) noexcept {
  constexpr std::string_view names[] = {"f4", "f8", "i4", "i8", "u1", "text"};
  return names[static_cast<std::size_t>(type)];
}

std::size_t bytes_per_row(const Schema& schema) noexcept {
  std::size_t bytes = 0;
  for (const ColumnInfo& column : schema) bytes += column.bytes_per_row();
  return bytes;
}

std::optional<std::size_t> find_column(const Schema& schema, std::string_view name) noexcept {
  for (std::size_t i = 0; i < schema.size(); ++i)
    if (schema[i].name == name) return i;
  return std::nullopt;
}

std::string known_column(const Schema& schema, std::span<const std::string> names) {
  std::size_t best = names.size();
  // The first of the known names wins, not the first column that has any of them.
  const ColumnInfo* found = nullptr;
  for (const ColumnInfo& column : schema) {
    const auto place = static_cast<std::size_t>(std::find(names.begin(), names.end(), lower(column.name)) - names.begin());
    if (place >= best) continue;
    best = place;
    found = &column;
  }
  return found ? found->name : std::string();
}

template <class T>
std::span<T> Column::values() noexcept {
  // A wrong type is a defect of the caller; cells are read in the innermost loops, so it is checked in debug builds alone.
  assert(info_.type == type_of<T>());
  return {reinterpret_cast<T*>(bytes_.data()), bytes_.size() / sizeof(T)};
}
template <class T>
std::span<const T> Column::values() const noexcept {
  assert(info_.type == type_of<T>());
  return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
}
// The six types there are: any other one is an error of linking, and the header stays free of the templates' bodies.
#define SKYFOLD_COLUMN_TYPE(T)                        \
  template std::span<T> Column::values<T>() noexcept; \
  template std::span<const T> Column::values<T>() const noexcept;
SKYFOLD_COLUMN_TYPE(float)
SKYFOLD_COLUMN_TYPE(double)
SKYFOLD_COLUMN_TYPE(std::int32_t)
SKYFOLD_COLUMN_TYPE(std::int64_t)
SKYFOLD_COLUMN_TYPE(std::uint8_t)
SKYFOLD_COLUMN_TYPE(char)
#undef SKYFOLD_COLUMN_TYPE

double Column::number(std::size_t row, std::size_t element) const noexcept {
  const std::size_t i = row * info_.width + element;
  switch (info_.type) {
    case Type::f4:
      return values<float>()[i];
    case Type::f8:
      return values<double>()[i];
    case Type::text:
      return std::numeric_limits<double>::quiet_NaN();
    default:
      break;
  }
  const std::int64_t whole = integer(row, element);
  // A whole number that stands for missing (FITS TNULL) is NaN as soon as it becomes a double.
  return info_.null == whole ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(whole);
}

std::int64_t Column::integer(std::size_t row, std::size_t element) const noexcept {
  const std::size_t i = row * info_.width + element;
  constexpr double limit = 9.2e18;  // beyond it a conversion to int64 is undefined
  switch (info_.type) {
    case Type::i4:
      return values<std::int32_t>()[i];
    case Type::i8:
      return values<std::int64_t>()[i];
    case Type::u1:
      return values<std::uint8_t>()[i];
    case Type::f4:
    case Type::f8: {
      const double value = number(row, element);
      // NaN fails the comparison, too; who must tell 0 from missing asks for number().
      return std::abs(value) < limit ? static_cast<std::int64_t>(value) : 0;
    }
    default:
      return 0;
  }
}

std::string_view Column::text(std::size_t row) const noexcept {
  const std::span<const char> all = values<char>();
  std::string_view cell(all.data() + row * info_.width, info_.width);
  cell = cell.substr(0, cell.find('\0'));
  return cell.substr(0, cell.find_last_not_of(' ') + 1);  // FITS pads with blanks
}

Table::Table(const Schema& schema, std::size_t rows) {
  columns_.reserve(schema.size());
  std::unordered_set<std::string_view> names;
  for (const ColumnInfo& info : schema) {
    // A table of many hundred columns: one set instead of a search for each.
    if (!names.insert(info.name).second) throw std::logic_error("column added twice: " + info.name);
    columns_.emplace_back(info);
  }
  resize(rows);
}

Schema Table::schema() const {
  Schema schema;
  for (const Column& column : columns_) schema.push_back(column.info());
  return schema;
}

void Table::resize(std::size_t rows) {
  rows_ = rows;
  // Rows that were there keep their values; what comes new is for the caller to set.
  for (Column& column : columns_) column.bytes_.resize(rows * column.info_.bytes_per_row());
}

Column& Table::add(const ColumnInfo& info) {
  if (find(info.name)) throw std::logic_error("column added twice: " + info.name);
  // The reference is good until the next column is added.
  Column& column = columns_.emplace_back(info);
  column.bytes_.resize(rows_ * info.bytes_per_row());
  return column;
}

const Column* Table::find(std::string_view name) const noexcept {
  const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const Column& c) { return c.info().name == name; });
  return found == columns_.end() ? nullptr : &*found;
}

const Column& Table::at(std::string_view name) const {
  const Column* column = find(name);
  // Columns of users are looked for by find() and reported with their file; here the program asks for one of its own.
  if (!column) throw std::logic_error("no column " + std::string(name));
  return *column;
}
Column& Table::at(std::string_view name) { return const_cast<Column&>(std::as_const(*this).at(name)); }

}  // namespace skyfold
