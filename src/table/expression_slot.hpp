#pragma once

#include <cstddef>
#include <cstdint>

#include "expression_program.hpp"
#include "skyfold/table/exact_number.hpp"

namespace skyfold {

/// The numbers of one place of a condition's stack, of a block of rows: doubles, or whole numbers of 64 or 128 bits.
struct ConditionSlot {
  /// Rows that are worked on at a time: a few blocks of numbers fit the first-level cache.
  static constexpr std::size_t block_rows = 512;

  alignas(64) std::byte values[block_rows * sizeof(Wide)];
  std::uint8_t missing[block_rows];  ///< of whole numbers; doubles have NaN
  bool is_wide = false, has_missing = false;

  template <class T>
  T* as() noexcept {
    return reinterpret_cast<T*>(values);
  }
  bool is_missing(std::size_t i) const noexcept { return has_missing && missing[i] != 0; }
};

/// Reads an element of `count` rows of a column, at most block_rows, as doubles or as whole numbers.
void load(const Column& column, NumberKind kind, std::size_t first, std::size_t count, std::size_t element, ConditionSlot& out);

}  // namespace skyfold
