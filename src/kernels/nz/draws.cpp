// Redshifts drawn from PDFs, as slots: a hash of object and result is looked up in the cumulative probabilities. Many side by side, without
// jumps that depend on what is drawn.
#include "draws.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "../common/simd.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::nz {
namespace {

typedef float Floats __attribute__((vector_size(4 * draw_lanes), aligned(4)));
typedef std::int32_t Ints __attribute__((vector_size(4 * draw_lanes), aligned(4)));

SKYFOLD_INLINE std::uint64_t bits_of(std::uint64_t key, std::size_t result) { return mix64(key + result * 0x9e3779b97f4a7c15ULL); }
/// As many bits as masses have.
SKYFOLD_INLINE float uniform(std::uint64_t bits) { return static_cast<float>(static_cast<std::int32_t>(bits >> 40)) * 0x1p-24f; }

SKYFOLD_INLINE std::int32_t count_up_to(const float* values, std::size_t n, float u) {
  std::int32_t count = 0;
  for (std::size_t i = 0; i < n; ++i) count += values[i] <= u;
  return count;
}
SKYFOLD_CLONES std::int32_t find_slot(const float* below, std::size_t n, float u) { return count_up_to(below, n, u); }

/// The guide's entries of which slots have to be passed first.
SKYFOLD_CLONES void enter(const float* below, std::size_t n, std::int32_t* entry) {
  for (std::size_t i = 0; i < n; ++i) {
    const float scaled = below[i] * static_cast<float>(DrawGuide::size);
    const auto whole = static_cast<std::int32_t>(scaled);
    entry[i] = whole + static_cast<std::int32_t>(static_cast<float>(whole) < scaled);
  }
}

/// Entries `place` of a table of 64.
SKYFOLD_INLINE Ints look_up(const std::int32_t* table, const Ints& place) {
  Ints part[4];
  std::memcpy(part, table, sizeof part);
  return place < 32 ? __builtin_shuffle(part[0], part[1], place) : __builtin_shuffle(part[2], part[3], place);
}
SKYFOLD_INLINE Floats look_up(const float* table, const Ints& place) {
  Floats part[4];
  std::memcpy(part, table, sizeof part);
  return place < 32 ? __builtin_shuffle(part[0], part[1], place) : __builtin_shuffle(part[2], part[3], place);
}

SKYFOLD_CLONES void add_drawn(const float* below, std::size_t slots, const DrawGuide& guide, std::uint64_t key, std::size_t first_result,
                              double weight, const float* counts, double* sums) {
  std::int32_t drawn[draw_lanes], slot[draw_lanes], more[draw_lanes];
  for (std::size_t lane = 0; lane < draw_lanes; ++lane) {
    const std::uint64_t bits = bits_of(key, first_result + lane);
    drawn[lane] = static_cast<std::int32_t>(bits >> 40);
  }
  Ints integers;
  std::memcpy(&integers, drawn, sizeof integers);
  const Ints place = integers >> (24 - DrawGuide::bits);
  const Floats u = __builtin_convertvector(integers, Floats) * 0x1p-24f;
  const Ints further = look_up(guide.below[2], place) <= u;
  const Ints found = look_up(guide.slot, place) - (look_up(guide.below[0], place) <= u) - (look_up(guide.below[1], place) <= u);
  std::memcpy(slot, &found, sizeof slot);
  std::memcpy(more, &further, sizeof more);
  std::int32_t any = 0;
  for (std::size_t lane = 0; lane < draw_lanes; ++lane) any |= more[lane];
  if (any != 0)
    for (std::size_t lane = 0; lane < draw_lanes; ++lane)
      if (more[lane] != 0) slot[lane] = count_up_to(below, slots - 1, static_cast<float>(drawn[lane]) * 0x1p-24f);
  for (std::size_t lane = 0; lane < draw_lanes; ++lane)
    sums[static_cast<std::size_t>(slot[lane]) * draw_lanes + lane] += weight * static_cast<double>(counts[lane]);
}

}  // namespace

std::size_t draw_slot(const float* below, std::size_t slots, std::uint64_t key, std::size_t result) noexcept {
  return static_cast<std::size_t>(find_slot(below, slots - 1, uniform(bits_of(key, result))));
}

void make_guide(const float* below, std::size_t slots, DrawGuide& guide) noexcept {
  // Each slot is written to as many entries as most have, and those that are not its own are overwritten by the next.
  constexpr std::size_t at_once = 8;
  thread_local std::vector<std::int32_t> first;
  std::int32_t found[DrawGuide::size + 2 * at_once];
  first.resize(slots);
  enter(below, slots - 1, first.data());
  first[slots - 1] = DrawGuide::size;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < slots; ++i) {
    // Slot i is where the search begins from the entry of the slot before up to its own.
    const auto end = static_cast<std::size_t>(first[i]);
    for (std::size_t k = begin; k < end; k += at_once) std::fill_n(found + k, at_once, static_cast<std::int32_t>(i));
    begin = end;
  }
  std::copy_n(found, DrawGuide::size, guide.slot);
  for (std::size_t k = 0; k < DrawGuide::size; ++k)
    for (std::size_t step = 0; step < 3; ++step) guide.below[step][k] = below[static_cast<std::size_t>(found[k]) + step];
}

void add_draws(const float* below, std::size_t slots, const DrawGuide& guide, std::uint64_t key, std::size_t first_result, double weight,
               const float* counts, double* sums) noexcept {
  add_drawn(below, slots, guide, key, first_result, weight, counts, sums);
}

}  // namespace skyfold::nz
