// Columns as blocks of numbers.
#include "expression_slot.hpp"

#include <limits>
#include <span>
#include <type_traits>

namespace skyfold {
namespace {

using Narrow = std::int64_t;

template <class T>
void load_real(std::span<const T> values, const ColumnInfo& info, std::size_t at, std::size_t count, ConditionSlot& out) {
  double* const to = out.as<double>();
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<double>(values[at + i * info.width]);
  // Floating-point columns have NaN already; only whole numbers have a value that stands for missing.
  if (std::is_floating_point_v<T> || !info.null) return;
  for (std::size_t i = 0; i < count; ++i)
    if (static_cast<Narrow>(values[at + i * info.width]) == *info.null) to[i] = std::numeric_limits<double>::quiet_NaN();
}

template <class T>
void load_whole(std::span<const T> values, const ColumnInfo& info, std::size_t at, std::size_t count, ConditionSlot& out) {
  Narrow* const to = out.as<Narrow>();
  out.is_wide = false;
  out.has_missing = info.null.has_value();
  // A loop of its own without the stride, which compilers turn into vector instructions.
  if (info.width == 1 && !info.null)
    for (std::size_t i = 0; i < count; ++i) to[i] = values[at + i];
  else if (!info.null)
    for (std::size_t i = 0; i < count; ++i) to[i] = values[at + i * info.width];
  if (!info.null) return;
  const Narrow null = *info.null;
  for (std::size_t i = 0; i < count; ++i) {
    const Narrow value = values[at + i * info.width];
    const bool is_missing = value == null;
    out.missing[i] = is_missing;
    to[i] = is_missing ? 0 : value;  // calculates without overflow
  }
}

}  // namespace

void load(const Column& column, NumberKind kind, std::size_t first, std::size_t count, std::size_t element, ConditionSlot& out) {
  const ColumnInfo& info = column.info();
  // One element of an array in each row; the others are passed over by the stride.
  const std::size_t at = first * info.width + element;
  const auto load_as = [&](auto values) {
    kind == NumberKind::whole ? load_whole(values, info, at, count, out) : load_real(values, info, at, count, out);
  };
  switch (info.type) {
    case Type::f4:
      return load_real(column.values<float>(), info, at, count, out);
    case Type::f8:
      return load_real(column.values<double>(), info, at, count, out);
    case Type::i4:
      return load_as(column.values<std::int32_t>());
    case Type::i8:
      return load_as(column.values<std::int64_t>());
    case Type::u1:
      return load_as(column.values<std::uint8_t>());
    case Type::text:
      break;
  }
}

}  // namespace skyfold
