#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "skyfold/core/parallel.hpp"

namespace skyfold {

/// Objects of a block by the mask of what they have, in the order of their rows.
///
/// @param mask_of  mask of an object by its row
template <class MaskOf>
[[nodiscard]] auto objects_by_mask(std::size_t rows, const MaskOf& mask_of) {
  std::map<decltype(mask_of(std::size_t{0})), std::vector<std::uint32_t>> objects;
  for (std::size_t row = 0; row < rows; ++row) objects[mask_of(row)].push_back(static_cast<std::uint32_t>(row));
  return objects;
}

/// Estimates objects on threads in the order of their places in an index: successive searches then look at the same memory, and
/// may start from the last answer. What each object gets must not depend on that.
///
/// @param place_of  place of an object by its row
/// @param make      the buffers of a thread, as a unique_ptr
/// @param estimate  (row, buffers)
template <class PlaceOf, class Make, class Estimate>
void estimate_by_place(const std::vector<std::uint32_t>& objects, int threads, const PlaceOf& place_of, const Make& make,
                       const Estimate& estimate) {
  constexpr std::size_t objects_per_chunk = 256;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order(objects.size());
  for (std::size_t i = 0; i < objects.size(); ++i) order[i] = {place_of(objects[i]), objects[i]};
  std::sort(order.begin(), order.end());
  std::vector<decltype(make())> buffers(static_cast<std::size_t>(threads));
  parallel_for(order.size(), objects_per_chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& mine = buffers[static_cast<std::size_t>(thread)];
    if (!mine) mine = make();
    for (std::size_t i = begin; i < end; ++i) estimate(std::size_t{order[i].second}, *mine);
  });
}

}  // namespace skyfold
