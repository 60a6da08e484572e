// One pass over PDFs: every object is integrated over the cells of redshift once, and added to the sample and to all realisations of a
// Poisson bootstrap in which it occurs. Threads share realisations, not objects: each sum has one order whatever their number.
#include "skyfold/kernels/nz/sums.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "../common/simd.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/kernels/validate/bootstrap.hpp"

namespace skyfold::nz {
namespace {

constexpr std::size_t chunk_rows = 1024;  // whose integrals stay in the second-level cache
constexpr std::size_t pdfs_per_task = 64, results_per_task = 4;
constexpr std::uint64_t draw_stream = 0x6e7a2d6472617773ULL;  // other numbers than those of the bootstrap

/// to[i] += weight * from[i]; every element by itself, so that wide registers give the same bits.
SKYFOLD_CLONES void add_weighted(double* to, const float* from, std::size_t n, double weight) {
  for (std::size_t i = 0; i < n; ++i) to[i] += weight * static_cast<double>(from[i]);
}

/// What a chunk of objects adds: of each the slots [first, last) that its PDF has mass in.
class Chunk {
 public:
  Chunk(const SumsLayout& layout, std::span<const double> edges) : layout_(layout), edges_(edges), slots_(layout.cells.slots()) {
    mass_.resize(chunk_rows * slots_);
    below_.resize(chunk_rows * slots_);
  }

  /// Integrates the PDFs of objects [begin, begin + size) of the block over the slots.
  void fill(Objects& objects, const Table& pdfs, std::size_t begin, std::size_t size, std::vector<std::unique_ptr<RedshiftPdf>>& readers) {
    begin_ = begin;
    parallel_for(size, pdfs_per_task, static_cast<int>(readers.size()), [&](std::size_t first, std::size_t last, int thread) {
      std::vector<double> cumulative(edges_.size());
      for (std::size_t i = first; i < last; ++i) {
        if (objects.reason[begin + i] >= 0) continue;
        RedshiftPdf& pdf = *readers[static_cast<std::size_t>(thread)];
        if (pdf.set(pdfs, begin + i))
          integrate(pdf, i, cumulative);
        else
          objects.reason[begin + i] = static_cast<std::int8_t>(Reason::no_pdf);
      }
    });
    // By bin, and in a bin in their order: sums of one bin are all that a task has in its cache.
    order_.clear();
    for (std::size_t i = 0; i < size; ++i)
      if (objects.reason[begin + i] < 0) order_.push_back(i);
    std::ranges::stable_sort(order_, {}, [&](std::size_t i) { return objects.bin[begin + i]; });
    for (const std::size_t i : order_) {
      point_slot_[i] = layout_.cells.slot_of(objects.point[begin + i]);
      truth_slot_[i] = objects.truth[begin + i] > 0.0 ? layout_.cells.slot_of(objects.truth[begin + i]) : slots_;
    }
    key_.resize(order_.size());
    for (std::size_t k = 0; k < order_.size(); ++k) key_[k] = objects.key[begin + order_[k]];
  }

  /// Adds all objects of the chunk to result `result` of all estimators.
  void add(const Objects& objects, std::size_t result, std::vector<std::uint8_t>& counts, std::span<double> sums) const {
    counts.assign(order_.size(), 1);
    if (result > 0) validation::poisson_counts(key_, result - 1, counts);
    for (std::size_t k = 0; k < order_.size(); ++k) {
      if (counts[k] == 0) continue;
      const std::size_t i = order_[k], row = begin_ + i;
      add_object(objects, i, counts[k] * objects.weight[row], result, [&](std::size_t estimator) {
        return sums.subspan(layout_.at(estimator, static_cast<std::size_t>(objects.bin[row]), result), slots_);
      });
    }
  }

  /// Adds all objects to the sums of their patches.
  void add_patches(const Objects& objects, Sums& sums) const {
    std::size_t patch = 0;
    for (const std::size_t i : order_) {
      const std::size_t row = begin_ + i;
      // Neighbours of the catalogue are neighbours on the sky: the last patch is nearly always the one.
      if (patch >= sums.patches.size() || sums.patches[patch] != objects.patch[row]) patch = place_of(objects.patch[row], sums);
      add_object(objects, i, objects.weight[row], 0, [&](std::size_t estimator) {
        return std::span(sums.of_patches).subspan(layout_.at_patch(patch, estimator, static_cast<std::size_t>(objects.bin[row])), slots_);
      });
    }
  }

 private:
  std::size_t place_of(std::int64_t patch, Sums& sums) const {
    const auto found = std::ranges::find(sums.patches, patch);
    const auto place = static_cast<std::size_t>(found - sums.patches.begin());
    if (found != sums.patches.end()) return place;
    sums.patches.push_back(patch);
    sums.of_patches.resize(layout_.at_patch(place + 1, 0, 0));
    return place;
  }

  void integrate(const RedshiftPdf& pdf, std::size_t i, std::vector<double>& cumulative) {
    pdf.cumulatives(edges_, cumulative);
    float* mass = &mass_[i * slots_];
    float* below = &below_[i * slots_];
    std::size_t first = slots_, last = 0;
    for (std::size_t slot = 0; slot < slots_; ++slot) {
      const double before = slot == 0 ? 0.0 : cumulative[slot - 1], after = slot + 1 == slots_ ? 1.0 : cumulative[slot];
      mass[slot] = static_cast<float>(std::max(0.0, after - before));
      below[slot] = static_cast<float>(after);
      if (mass[slot] == 0.0f) continue;
      first = std::min(first, slot);
      last = slot + 1;
    }
    span_[i] = {first, last};
  }

  /// @param sums_of  the sums of an estimator that the object goes to
  template <class SumsOf>
  void add_object(const Objects& objects, std::size_t i, double weight, std::size_t result, SumsOf sums_of) const {
    const std::size_t row = begin_ + i;
    for (std::size_t e = 0; e < layout_.estimators.size(); ++e) {
      if (layout_.estimators[e] == Estimator::training) continue;
      const std::span<double> sums = sums_of(e);
      switch (layout_.estimators[e]) {
        case Estimator::stack:
          add_scaled(sums, i, weight);
          break;
        case Estimator::point:
          sums[point_slot_[i]] += weight;
          break;
        case Estimator::draw:
          sums[drawn_slot(objects.key[row], i, result)] += weight;
          break;
        case Estimator::truth:
          if (truth_slot_[i] < slots_) sums[truth_slot_[i]] += weight;
          break;
        case Estimator::training:
          break;
      }
    }
  }

  void add_scaled(std::span<double> sums, std::size_t i, double weight) const {
    const auto [first, last] = span_[i];
    add_weighted(sums.data() + first, &mass_[i * slots_ + first], last - first, weight);
  }

  /// A redshift drawn from the PDF by (seed, id, realisation) alone.
  [[nodiscard]] std::size_t drawn_slot(std::uint64_t key, std::size_t i, std::size_t result) const {
    const std::uint64_t bits = mix64(mix64(key ^ draw_stream) + result * 0x9e3779b97f4a7c15ULL);
    const auto u = static_cast<float>(static_cast<double>(bits >> 40) * 0x1p-24);  // of as many bits as the sums of masses have
    const float* below = &below_[i * slots_];
    const auto [first, last] = span_[i];
    const auto at = static_cast<std::size_t>(std::upper_bound(below + first, below + last, u) - below);
    return std::min(at, last - 1);
  }

  const SumsLayout& layout_;
  std::span<const double> edges_;
  std::size_t slots_, begin_ = 0;
  std::vector<float> mass_, below_;  ///< [chunk_rows x slots]: probability of a slot, and of all up to its end
  std::array<std::pair<std::size_t, std::size_t>, chunk_rows> span_{};
  std::array<std::size_t, chunk_rows> point_slot_{}, truth_slot_{};  ///< truth_slot_: slots_ where it is not known
  std::vector<std::size_t> order_;
  std::vector<std::uint64_t> key_;
};

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

Sums::Sums(const SumsLayout& layout) : values(layout.size()), objects(layout.bins.size()), weights(2 * layout.bins.size()) {}

void Sums::add(const Sums& other, const SumsLayout& layout) {
  const auto add_to = [](auto& to, const auto& from) {
    for (std::size_t i = 0; i < from.size(); ++i) to[i] += from[i];
  };
  add_to(values, other.values);
  add_to(objects, other.objects);
  add_to(weights, other.weights);
  add_to(left_out, other.left_out);
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
            int threads) {
  Sums sums(layout);
  const std::vector<double> edges = layout.cells.edges();
  std::vector<std::unique_ptr<RedshiftPdf>> readers;
  for (int thread = 0; thread < threads; ++thread) readers.push_back(make());
  Chunk chunk(layout, edges);
  const std::size_t tasks = (layout.results() + results_per_task - 1) / results_per_task;
  std::vector<std::vector<std::uint8_t>> counts(static_cast<std::size_t>(threads));
  for (std::size_t begin = 0; begin < objects.key.size(); begin += chunk_rows) {
    chunk.fill(objects, pdfs, begin, std::min(chunk_rows, objects.key.size() - begin), readers);
    // The task after the last results is that of the patches.
    parallel_for(tasks + (objects.patch.empty() ? 0 : 1), 1, threads, [&](std::size_t first, std::size_t last, int thread) {
      for (std::size_t task = first; task < last; ++task) {
        if (task == tasks) chunk.add_patches(objects, sums);
        for (std::size_t r = task * results_per_task; r < std::min((task + 1) * results_per_task, layout.results()); ++r)
          chunk.add(objects, r, counts[static_cast<std::size_t>(thread)], sums.values);
      }
    });
  }
  count(layout, objects, sums);
  return sums;
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
