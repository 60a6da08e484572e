#pragma once

#include <cstddef>

#include "skyfold/core/hash.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// A number in [0, 100) from a hash of an object's id, the same for ever: objects below p are a sample of p per cent, of which those below
/// q < p are one, too.
[[nodiscard]] inline double random_id(const Column& ids, std::size_t row) {
  const std::uint64_t id = ids.info().type == Type::text ? hash_text(ids.text(row)) : static_cast<std::uint64_t>(ids.integer(row));
  // 24 bits, so that single precision holds it as it is.
  return 100.0 * static_cast<double>(mix64(id) >> 40U) * 0x1p-24;
}

}  // namespace skyfold
