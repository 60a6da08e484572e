#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/sky/healpix.hpp"

namespace skyfold {

/// Nested HEALPix keys [begin, end) of order 29.
struct KeyRange {
  std::int64_t begin = 0, end = 0;
  bool operator==(const KeyRange&) const = default;
};

/// A region of the sky as ranges of keys: increasing, disjoint and not touching.
using Region = std::vector<KeyRange>;

/// The union of any ranges; empty ones are dropped.
[[nodiscard]] Region united(std::vector<KeyRange> ranges);

[[nodiscard]] bool contains(const Region& region, std::int64_t key) noexcept;

/// Part of the sky that a region covers, in square degrees.
[[nodiscard]] double area_deg2(const Region& region) noexcept;

/// Covers a cone by pixels of `order` (0..29): all of the cone, and what else lies in pixels that touch it.
///
/// @param radius_deg  0..180
[[nodiscard]] Region cone(Position centre, double radius_deg, int order);

/// Covers all places within `radius_deg` of any of the positions that lie in the pixels of `keys` (order 29, in any
/// order). Its resolution follows the radius: it reaches at most about 4 radii from them, and the cost is that of a few
/// cones per area of the size of the radius, however many keys lie in it. Best for keys that are near each other.
[[nodiscard]] Region dilated(std::span<const std::int64_t> keys, double radius_deg);

}  // namespace skyfold
