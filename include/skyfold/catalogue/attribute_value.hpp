#pragma once

#include <limits>

#include "skyfold/plan/plan.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

[[nodiscard]] inline bool is_whole(Type type) noexcept { return type == Type::i4 || type == Type::i8 || type == Type::u1; }

/// The value of a numeric column in a row, not rounded; NaN where it is missing.
[[nodiscard]] inline AttributeValue attribute_value(const Column& column, std::size_t row) noexcept {
  if (!is_whole(column.info().type)) return column.number(row);
  const std::int64_t value = column.integer(row);
  return column.info().null == value ? std::numeric_limits<AttributeValue>::quiet_NaN() : static_cast<AttributeValue>(value);
}

}  // namespace skyfold
