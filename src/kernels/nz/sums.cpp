// One pass over PDFs: every object is integrated over the cells of redshift once, and added to the sample, its patch, and all realisations
// of a Poisson bootstrap. Threads share realisations, not objects: each sum has one order whatever their number.
#include "skyfold/kernels/nz/sums.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "../common/simd.hpp"
#include "chunk.hpp"
#include "realisations.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/kernels/validate/bootstrap.hpp"

namespace skyfold::nz {
namespace {

/// to[i] += weight * from[i]; every element by itself, so that wide registers give the same bits.
SKYFOLD_CLONES void add_weighted(double* to, const float* from, std::size_t n, double weight) {
  for (std::size_t i = 0; i < n; ++i) to[i] += weight * static_cast<double>(from[i]);
}

/// Adds an object to sums as it is, once.
/// @param sums_of  the sums of an estimator that it goes to, by slot
template <class SumsOf>
void add_object(const SumsLayout& layout, const Chunk& chunk, const ChunkObject& object, SumsOf sums_of) {
  for (std::size_t e = 0; e < layout.estimators.size(); ++e) switch (layout.estimators[e]) {
      case Estimator::stack: {
        const auto mass = chunk.mass(object);
        add_weighted(sums_of(e) + object.first, mass.data(), mass.size(), object.weight);
        break;
      }
      case Estimator::point:
        sums_of(e)[object.point_slot] += object.weight;
        break;
      case Estimator::draw:
        sums_of(e)[object.drawn_slot] += object.weight;
        break;
      case Estimator::truth:
        if (object.truth_slot < layout.cells.slots()) sums_of(e)[object.truth_slot] += object.weight;
        break;
      case Estimator::training:
        break;
    }
}

std::size_t place_of(std::int64_t patch, const SumsLayout& layout, Sums& sums) {
  const auto found = std::ranges::find(sums.patches, patch);
  const auto place = static_cast<std::size_t>(found - sums.patches.begin());
  if (found != sums.patches.end()) return place;
  sums.patches.push_back(patch);
  sums.of_patches.resize(layout.at_patch(place + 1, 0, 0));
  return place;
}

/// Adds the objects of a chunk to the sums of the sample, and to those of their patches.
void add_sample(const SumsLayout& layout, const Chunk& chunk, std::span<const std::int64_t> patches, Sums& sums) {
  for (const ChunkObject& object : chunk.objects())
    add_object(layout, chunk, object, [&](std::size_t e) { return &sums.values[layout.at(e, object.bin, 0)]; });
  if (patches.empty()) return;
  std::size_t patch = 0;
  for (const ChunkObject& object : chunk.objects()) {
    // Neighbours of the catalogue are neighbours on the sky: the last patch is nearly always the one.
    const std::int64_t pixel = patches[object.place];
    if (patch >= sums.patches.size() || sums.patches[patch] != pixel) patch = place_of(pixel, layout, sums);
    add_object(layout, chunk, object, [&](std::size_t e) { return &sums.of_patches[layout.at_patch(patch, e, object.bin)]; });
  }
}

double sum_of(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// The training object that an object is; -1 for none.
std::int64_t row_of(const BallsOfBins& balls, std::uint64_t key) {
  const auto found = std::ranges::lower_bound(balls.keys, std::pair(key, std::uint32_t{0}));
  return found != balls.keys.end() && found->first == key ? static_cast<std::int64_t>(found->second) : -1;
}

/// Counts the objects in the balls of training objects. Added up in their order, whoever has found the balls.
void count_in_balls(const SumsLayout& layout, const Objects& objects, const BallsOfBins& balls, int threads, Sums& sums) {
  constexpr std::size_t block = 4096, per_task = 64;
  const std::size_t n = objects.key.size(), dimensions = n > 0 ? objects.space.size() / n : 0;
  std::vector<std::vector<std::uint32_t>> found(std::min(block, n));
  for (std::size_t begin = 0; begin < n; begin += block) {
    const std::size_t size = std::min(block, n - begin);
    parallel_for(size, per_task, threads, [&](std::size_t first, std::size_t last, int) {
      for (std::size_t i = first; i < last; ++i) {
        found[i].clear();
        if (objects.reason[begin + i] >= 0) continue;
        const auto place = std::span(objects.space).subspan((begin + i) * dimensions, dimensions);
        balls.balls[static_cast<std::size_t>(objects.bin[begin + i])]->around(place, found[i]);
      }
    });
    for (std::size_t i = 0; i < size; ++i) {
      if (objects.reason[begin + i] >= 0) continue;
      const auto bin = static_cast<std::size_t>(objects.bin[begin + i]);
      if (const std::int64_t row = row_of(balls, objects.key[begin + i]); row >= 0) {
        ++sums.seen[0];
        if (layout.has_own) {
          sums.own[bin * layout.training + static_cast<std::size_t>(row)] += objects.weight[begin + i];
          continue;
        }
      }
      for (const std::uint32_t ball : found[i]) sums.in_balls[bin * layout.training + balls.rows[bin][ball]] += objects.weight[begin + i];
      if (found[i].empty()) sums.in_no_ball[bin] += objects.weight[begin + i];
    }
  }
}

void count(const SumsLayout& layout, const Objects& objects, Sums& sums) {
  const std::size_t bins = layout.bins.size();
  for (std::size_t i = 0; i < objects.key.size(); ++i) {
    if (objects.reason[i] >= 0) {
      ++sums.left_out[static_cast<std::size_t>(objects.reason[i])];
      continue;
    }
    const auto bin = static_cast<std::size_t>(objects.bin[i]);
    ++sums.objects[bin];
    sums.weights[bin] += objects.weight[i];
    sums.weights[bins + bin] += objects.weight[i] * objects.weight[i];
  }
}

}  // namespace

std::string_view name_of(Estimator estimator) noexcept {
  constexpr std::array<std::string_view, n_estimators> names = {"stack", "point", "draw", "truth", "training"};
  return names[static_cast<std::size_t>(estimator)];
}

Sums::Sums(const SumsLayout& layout)
    : values(layout.size()),
      objects(layout.bins.size()),
      weights(2 * layout.bins.size()),
      in_balls(layout.bins.size() * layout.training),
      in_no_ball(layout.training > 0 ? layout.bins.size() : 0),
      own(layout.has_own ? layout.bins.size() * layout.training : 0),
      seen(layout.training > 0 ? 1 : 0) {}

void Sums::add(const Sums& other, const SumsLayout& layout) {
  const auto add_to = [](auto& to, const auto& from) {
    for (std::size_t i = 0; i < from.size(); ++i) to[i] += from[i];
  };
  add_to(values, other.values);
  add_to(objects, other.objects);
  add_to(weights, other.weights);
  add_to(left_out, other.left_out);
  add_to(in_balls, other.in_balls);
  add_to(in_no_ball, other.in_no_ball);
  add_to(own, other.own);
  add_to(seen, other.seen);
  const std::size_t size = layout.at_patch(1, 0, 0);
  for (std::size_t k = 0; k < other.patches.size(); ++k) {
    const auto found = std::ranges::find(patches, other.patches[k]);
    const auto place = static_cast<std::size_t>(found - patches.begin());
    if (found == patches.end()) {
      patches.push_back(other.patches[k]);
      of_patches.resize(layout.at_patch(place + 1, 0, 0));
    }
    for (std::size_t i = 0; i < size; ++i) of_patches[place * size + i] += other.of_patches[k * size + i];
  }
}

void Objects::resize(std::size_t n, bool has_patches) {
  key.resize(n);
  reason.resize(n);
  bin.resize(n);
  for (auto* values : {&weight, &point, &truth}) values->resize(n);
  patch.resize(has_patches ? n : 0);
}

Sums add_up(const SumsLayout& layout, Objects& objects, const Table& pdfs, const std::function<std::unique_ptr<RedshiftPdf>()>& make,
            const BallsOfBins* balls, int threads) {
  Sums sums(layout);
  std::vector<std::unique_ptr<RedshiftPdf>> readers;
  for (int thread = 0; thread < threads; ++thread) readers.push_back(make());
  Chunk chunk(layout);
  Tiles tiles;
  Realisations realisations(layout);
  for (std::size_t begin = 0; begin < objects.key.size(); begin += Chunk::most) {
    const std::size_t size = std::min(Chunk::most, objects.key.size() - begin);
    chunk.fill(objects, pdfs, begin, size, readers);
    if (realisations.groups() > 0) tiles.make(chunk);
    const auto patches = objects.patch.empty() ? std::span<const std::int64_t>() : std::span(objects.patch).subspan(begin, size);
    // The task after the last group is the sample itself.
    parallel_for(realisations.groups() + 1, 1, threads, [&](std::size_t first, std::size_t last, int) {
      for (std::size_t task = first; task < last; ++task)
        if (task < realisations.groups())
          realisations.add(chunk, tiles, task);
        else
          add_sample(layout, chunk, patches, sums);
    });
  }
  realisations.put(sums);
  count(layout, objects, sums);
  if (balls) count_in_balls(layout, objects, *balls, threads, sums);
  return sums;
}

TrainingObjects weighted_by_balls(const SumsLayout& layout, const Sums& sums, const TrainingObjects& objects) {
  TrainingObjects weighted;
  for (std::size_t b = 0; b < layout.bins.size(); ++b) {
    const auto of_bin = [&](const std::vector<double>& values) { return std::span(values).subspan(b * layout.training, layout.training); };
    // An object is in many balls, or in few: all that are not training objects themselves together weigh what they do.
    double share = 1.0;
    if (layout.has_own)
      share = (sums.weights[b] - sum_of(of_bin(sums.own))) / std::max(sum_of(of_bin(sums.in_balls)), std::numeric_limits<double>::min());
    for (std::size_t i = 0; i < objects.key.size(); ++i) {
      const double weight = share * of_bin(sums.in_balls)[i] + (layout.has_own ? of_bin(sums.own)[i] : 0.0);
      if (!(weight > 0.0)) continue;
      weighted.key.push_back(objects.key[i]);
      weighted.bin.push_back(static_cast<int>(b));
      weighted.weight.push_back(weight);
      weighted.z.push_back(objects.z[i]);
    }
  }
  return weighted;
}

void add_training(const SumsLayout& layout, const TrainingObjects& objects, Sums& sums) {
  const auto estimator = static_cast<std::size_t>(std::ranges::find(layout.estimators, Estimator::training) - layout.estimators.begin());
  std::vector<std::uint8_t> counts(objects.key.size(), 1);
  for (std::size_t result = 0; result < layout.results(); ++result) {
    if (result > 0) validation::poisson_counts(objects.key, result - 1, counts);
    for (std::size_t i = 0; i < counts.size(); ++i)
      if (objects.bin[i] >= 0)
        sums.values[layout.at(estimator, static_cast<std::size_t>(objects.bin[i]), result) + layout.cells.slot_of(objects.z[i])] +=
            counts[i] * objects.weight[i];
  }
}

}  // namespace skyfold::nz
