// The bootstrap as a matrix product: how often each object counts in each realisation, times its PDF. Products of a tile of objects are
// added up in single precision, tiles in double.
#include "realisations.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "../common/simd.hpp"
#include "draws.hpp"
#include "skyfold/kernels/validate/bootstrap.hpp"

namespace skyfold::nz {
namespace {

constexpr std::size_t objects_per_tile = 16, slots_at_a_time = 4, lanes = Realisations::lanes;
static_assert(lanes == draw_lanes);

typedef float Floats __attribute__((vector_size(4 * lanes)));
typedef double Doubles __attribute__((vector_size(8 * lanes)));

SKYFOLD_INLINE void add_to(double* sums, const Floats& more) {
  Doubles wide;
  std::memcpy(&wide, sums, sizeof wide);
  wide += __builtin_convertvector(more, Doubles);
  std::memcpy(sums, &wide, sizeof wide);
}

/// sums[slot][lane] += sum over objects of pdfs[object][slot] counts[object][lane]. Every element by itself and in one order, so that wide
/// registers give the same bits.
SKYFOLD_CLONES void add_product(const float* pdfs, std::size_t width, const float* counts, std::size_t objects, double* sums) {
  for (std::size_t slot = 0; slot < width; slot += slots_at_a_time) {
    Floats a{}, b{}, c{}, d{};
    for (std::size_t i = 0; i < objects; ++i) {
      Floats count;
      std::memcpy(&count, counts + i * lanes, sizeof count);
      const float* pdf = pdfs + i * width + slot;
      a += pdf[0] * count;
      b += pdf[1] * count;
      c += pdf[2] * count;
      d += pdf[3] * count;
    }
    add_to(sums + slot * lanes, a);
    add_to(sums + (slot + 1) * lanes, b);
    add_to(sums + (slot + 2) * lanes, c);
    add_to(sums + (slot + 3) * lanes, d);
  }
}

SKYFOLD_CLONES void add_weighted(double* sums, const float* counts, double weight) {
  for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += weight * static_cast<double>(counts[lane]);
}

}  // namespace

void Tiles::make(const Chunk& chunk) {
  tiles_.clear();
  const auto objects = chunk.objects();
  std::size_t size = 0;
  for (std::size_t begin = 0, end = 0; begin < objects.size(); begin = end) {
    std::size_t low = objects[begin].first, high = objects[begin].last;
    for (end = begin + 1; end < std::min(begin + objects_per_tile, objects.size()) && objects[end].bin == objects[begin].bin; ++end)
      high = std::max(high, objects[end].last);
    const std::size_t width = (high - low + slots_at_a_time - 1) / slots_at_a_time * slots_at_a_time;
    tiles_.push_back({begin, end, objects[begin].bin, low, width, size});
    size += (end - begin) * width;
  }
  values_.assign(size, 0.0f);
  for (const Tile& tile : tiles_)
    for (std::size_t k = tile.begin; k < tile.end; ++k) {
      const auto weight = static_cast<float>(objects[k].weight);
      float* to = &values_[tile.offset + (k - tile.begin) * tile.width + objects[k].first - tile.low];
      for (const float mass : chunk.mass(objects[k])) *to++ = weight * mass;
    }
}

// Rows beyond the slots are those that a tile may be wider.
Realisations::Realisations(const SumsLayout& layout)
    : layout_(layout),
      groups_((layout.realisations + lanes - 1) / lanes),
      rows_(layout.cells.slots() + slots_at_a_time),
      sums_(groups_ * layout.estimators.size() * layout.bins.size() * rows_ * lanes) {}

void Realisations::add(const Chunk& chunk, const Tiles& tiles, std::size_t group) {
  const auto objects = chunk.objects();
  const std::size_t first = group * lanes, used = std::min(lanes, layout_.realisations - first), n = objects.size();
  std::array<std::uint64_t, Chunk::most> key;
  std::array<std::uint8_t, Chunk::most> count;
  for (std::size_t k = 0; k < n; ++k) key[k] = objects[k].key;
  std::vector<float> counts(n * lanes, 0.0f);
  for (std::size_t lane = 0; lane < used; ++lane) {
    validation::poisson_counts(std::span(key).first(n), first + lane, std::span(count).first(n));
    for (std::size_t k = 0; k < n; ++k) counts[k * lanes + lane] = static_cast<float>(count[k]);
  }
  for (std::size_t e = 0; e < layout_.estimators.size(); ++e) switch (layout_.estimators[e]) {
      case Estimator::stack:
        for (const Tiles::Tile& tile : tiles.tiles())
          add_product(tiles.values(tile), tile.width, &counts[tile.begin * lanes], tile.end - tile.begin,
                      at(group, e, tile.bin) + tile.low * lanes);
        break;
      case Estimator::point:
        for (std::size_t k = 0; k < n; ++k)
          add_weighted(at(group, e, objects[k].bin) + objects[k].point_slot * lanes, &counts[k * lanes], objects[k].weight);
        break;
      case Estimator::truth:
        for (std::size_t k = 0; k < n; ++k)
          if (objects[k].truth_slot < layout_.cells.slots())
            add_weighted(at(group, e, objects[k].bin) + objects[k].truth_slot * lanes, &counts[k * lanes], objects[k].weight);
        break;
      case Estimator::draw:
        for (std::size_t k = 0; k < n; ++k)
          add_draws(chunk.below(objects[k]), objects[k].last - objects[k].first, chunk.guide(objects[k]), objects[k].draw_key, first + 1,
                    objects[k].weight, &counts[k * lanes], at(group, e, objects[k].bin) + objects[k].first * lanes);
        break;
      case Estimator::training:
        break;
    }
}

void Realisations::put(Sums& sums) const {
  const std::size_t slots = layout_.cells.slots();
  for (std::size_t e = 0; e < layout_.estimators.size(); ++e)
    for (std::size_t b = 0; b < layout_.bins.size(); ++b)
      for (std::size_t r = 0; r < layout_.realisations; ++r) {
        const std::size_t from = ((r / lanes * layout_.estimators.size() + e) * layout_.bins.size() + b) * rows_ * lanes + r % lanes;
        double* to = &sums.values[layout_.at(e, b, r + 1)];
        for (std::size_t slot = 0; slot < slots; ++slot) to[slot] += sums_[from + slot * lanes];
      }
}

}  // namespace skyfold::nz
