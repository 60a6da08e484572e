#pragma once

#include <cstdint>
#include <string>

#include "skyfold/core/hash.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// The statistics of a column's zones.
[[nodiscard]] inline std::string zones_group(const std::string& column) { return "/index/zones/" + column; }
/// One hash for the statistics of each column: `name`, `hash`. Older catalogues have none.
inline constexpr const char* range_hashes_group = "/index/ranges";

/// Hash of the statistics by which zones are skipped: min, max and missing, one after the other.
[[nodiscard]] inline std::uint64_t hash_of_ranges(const Table& zones) {
  std::uint64_t hash = 0;
  for (const char* name : {"min", "max", "missing"}) hash = hash_bytes(zones.at(name).bytes(), hash);
  return hash;
}

}  // namespace skyfold
