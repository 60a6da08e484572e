#pragma once

#include <cstdint>
#include <vector>

#include "skyfold/plan/plan.hpp"

/// What tests of plans and of farms share.
namespace skyfold::testing_support {

/// Contiguous partitions of these sizes, cost = rows.
inline std::vector<Partition> partitions_of(const std::vector<std::int64_t>& sizes) {
  std::vector<Partition> partitions;
  std::int64_t begin = 0;
  for (const std::int64_t size : sizes) {
    partitions.push_back({std::ssize(partitions), "p", {begin, begin + size}, static_cast<double>(size)});
    begin += size;
  }
  return partitions;
}

}  // namespace skyfold::testing_support
