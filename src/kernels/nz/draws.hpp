#pragma once

#include <cstddef>
#include <cstdint>

namespace skyfold::nz {

/// Draws of one object that are searched side by side.
inline constexpr std::size_t draw_lanes = 16;

/// Where the search for a draw begins, by its leading bits: a slot, and the probabilities below the ends of this and the next two.
struct DrawGuide {
  static constexpr unsigned bits = 6;
  static constexpr std::size_t size = std::size_t{1} << bits;
  std::int32_t slot[size];
  float below[3][size];
};

/// Slot of the redshift drawn for a result: the first one of which more lies below its end than the draw.
/// @param below  [slots]: probability below the end of each, ascending to 1
/// @param key    of the object's draws
[[nodiscard]] std::size_t draw_slot(const float* below, std::size_t slots, std::uint64_t key, std::size_t result) noexcept;

/// @param below  as above, and two more that are 1
void make_guide(const float* below, std::size_t slots, DrawGuide& guide) noexcept;

/// An object's weight, as often as it counts in each of `draw_lanes` results, added to the slots that draw_slot gives.
/// @param counts  [draw_lanes]
/// @param sums    [slots x draw_lanes]
void add_draws(const float* below, std::size_t slots, const DrawGuide& guide, std::uint64_t key, std::size_t first_result, double weight,
               const float* counts, double* sums) noexcept;

}  // namespace skyfold::nz
