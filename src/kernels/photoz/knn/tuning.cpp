// Choice of the number of neighbours and of the width by the loss of a conditional density estimate on a held-out quarter (Izbicki
// & Lee 2017, Electron. J. Stat. 11, 2800).
#include "tuning.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "../common/index_cache.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold::knn {
namespace {

// Dense where a neighbour more matters: the loss changes with their relative number.
constexpr std::array<long, 22> neighbour_grid = {2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 50, 60, 80, 100};
constexpr double smallest_sigma = 1e-4, largest_sigma = 0.5;
constexpr int sigmas = 38;
constexpr double held_out_part = 0.25;
constexpr double equal_loss = 0.001;  // far below the noise of a loss of some thousand objects
constexpr std::size_t most_judged = 5000, block_objects = 64;
constexpr std::uint32_t held_out_stream = 0x6b6e6e02;
constexpr std::size_t index_budget_bytes = std::size_t{128} << 20;

std::vector<double> sigma_grid() {
  std::vector<double> grid;
  for (int i = 0; i < sigmas; ++i)
    grid.push_back(smallest_sigma * std::pow(largest_sigma / smallest_sigma, static_cast<double>(i) / (sigmas - 1)));
  return grid;
}

struct Split {
  std::vector<std::uint32_t> fit, judged;  ///< rows in order
};

Split split_rows(const FeatureRows& rows, std::uint64_t seed) {
  Split split;
  std::vector<std::pair<double, std::uint32_t>> held_out;
  for (std::uint32_t i = 0; i < rows.n_rows; ++i) {
    // By id: the same objects are held out whatever the order of the sample.
    const double draw = ObjectRandom(seed, static_cast<std::uint64_t>(rows.id[i]), held_out_stream).uniform();
    if (draw < held_out_part)
      held_out.emplace_back(draw, i);
    else
      split.fit.push_back(i);
  }
  std::sort(held_out.begin(), held_out.end());
  // The smallest draws: a random part, whatever the order of the rows.
  held_out.resize(std::min(held_out.size(), most_judged));
  for (const auto& [draw, row] : held_out) split.judged.push_back(row);
  std::sort(split.judged.begin(), split.judged.end());
  if (split.judged.empty() || split.fit.size() < 2)
    throw DataError(
        fmt::format("knn: {} of {} training objects were drawn to choose knn.neighbours and knn.sigma with (draws go by ids: are they "
                    "unique? give both options to choose nothing)",
                    rows.n_rows - split.fit.size(), rows.n_rows));
  return split;
}

/// Weighted losses of one object for the whole grid.
class Judge {
 public:
  Judge(const FeatureRows& fit, const Tuning& grid, double spacing, double scatter) : grid_(grid), maker_(fit, spacing, scatter) {}

  void add(const FeatureIndex& index, const double* feature, double z, double weight, double* sums) {
    place_.resize(index.dimensions());
    index.embed(feature, place_.data());
    const auto found = search_.find(index.tree(), place_.data(), static_cast<std::size_t>(grid_.neighbours.back()));
    if (found.empty()) return;
    for (std::size_t i = 0; i < grid_.neighbours.size(); ++i) {
      // One search for the largest number: the nearest k of them are the first k.
      maker_.centres(found.first(std::min(found.size(), static_cast<std::size_t>(grid_.neighbours[i]))));
      for (std::size_t j = 0; j < grid_.sigma.size(); ++j)
        sums[i * grid_.sigma.size() + j] += weight * maker_.widen(grid_.sigma[j]).cde_loss(z);
    }
  }

 private:
  const Tuning& grid_;
  MixtureMaker maker_;
  NeighbourSearch search_;
  std::vector<double> place_;
};

/// Sums over blocks of a fixed number of objects, added in their order: the same for any number of threads.
std::vector<double> sum_losses(const FeatureRows& rows, const FeatureRows& fit, const std::vector<std::uint32_t>& judged,
                               const FeatureMetric& metric, const Tuning& grid, double spacing, double scatter, int threads) {
  IndexCache<FeatureIndex> cache(index_budget_bytes,
                                 [&](std::uint64_t mask) { return std::make_shared<const FeatureIndex>(fit, metric, mask); });
  // Made before the threads begin, and held: the cache may drop what nobody uses.
  std::map<std::uint64_t, std::shared_ptr<const FeatureIndex>> indices;
  for (const std::uint32_t row : judged)
    if (rows.present[row] != 0 && !indices.contains(rows.present[row])) indices[rows.present[row]] = cache.get(rows.present[row], 1);
  const std::size_t blocks = (judged.size() + block_objects - 1) / block_objects, cells = grid.neighbours.size() * grid.sigma.size();
  std::vector<double> sums(blocks * cells, 0.0);
  parallel_for(judged.size(), block_objects, threads, [&](std::size_t begin, std::size_t end, int) {
    Judge judge(fit, grid, spacing, scatter);
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint32_t row = judged[i];
      if (rows.present[row] != 0)
        judge.add(*indices.at(rows.present[row]), &rows.feature[row * rows.n_features], rows.z[row], rows.weight[row],
                  &sums[begin / block_objects * cells]);
    }
  });
  for (std::size_t block = 1; block < blocks; ++block)
    for (std::size_t cell = 0; cell < cells; ++cell) sums[cell] += sums[block * cells + cell];
  sums.resize(cells);
  return sums;
}

}  // namespace

Mixture& MixtureMaker::centres(std::span<const Neighbour> neighbours) {
  z_.resize(neighbours.size());
  weight_.resize(neighbours.size());
  double heaviest = 0.0;
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    const double distance = std::max(std::sqrt(neighbours[i].distance2), least_distance_);
    z_[i] = rows_.z[neighbours[i].row];
    // Nearer than training objects are to each other nothing is known of the distance: it counts no more (`least_distance_`).
    weight_[i] = rows_.weight[neighbours[i].row] / std::max(distance, 1e-30);
    heaviest = std::max(heaviest, weight_[i]);
  }
  for (double& w : weight_) w /= heaviest;  // sums of 1 / 1e-30 stay finite
  mixture_.set(z_, weight_);
  return mixture_;
}

Mixture& MixtureMaker::widen(double sigma) {
  const double from_scatter = scatter_ * mixture_.scatter();
  mixture_.set_sigma(std::sqrt(sigma * sigma + from_scatter * from_scatter));
  return mixture_;
}

Tuning tune(const FeatureRows& rows, const Options& o, std::uint64_t seed, int threads) {
  const Split split = split_rows(rows, seed);
  const FeatureRows fit = rows.subset(split.fit);
  const FeatureMetric metric = o.metric == "learned" ? learn_metric(fit, seed, threads) : FeatureMetric(rows.n_features);
  const Spacing spacing = measure_spacing(fit, metric, seed, threads);
  Tuning tuning;
  if (o.neighbours > 0)
    tuning.neighbours = {o.neighbours};
  else
    for (const long n : neighbour_grid)
      // Not more than a quarter of the training set: such an estimate would hardly depend on the object.
      if (n <= 2 || 4 * n <= std::ssize(split.fit)) tuning.neighbours.push_back(n);
  tuning.sigma = o.sigma > 0.0 ? std::vector<double>{o.sigma} : sigma_grid();
  tuning.objects = split.judged.size();
  tuning.loss = sum_losses(rows, fit, split.judged, metric, tuning, spacing.median, o.scatter, threads);
  double weights = 0.0;
  for (const std::uint32_t row : split.judged) weights += rows.present[row] != 0 ? rows.weight[row] : 0.0;
  std::size_t best = 0;
  for (std::size_t cell = 0; cell < tuning.loss.size(); ++cell) {
    if (weights > 0.0) tuning.loss[cell] /= weights;
    if (tuning.loss[cell] < tuning.loss[best]) best = cell;
  }
  tuning.best_neighbours = best / tuning.sigma.size();
  tuning.best_sigma = best % tuning.sigma.size();
  // Of widths that are as good as the best the largest is taken: broader PDFs are the safer mistake.
  const double as_good = tuning.best_loss() + equal_loss * std::abs(tuning.best_loss());
  for (std::size_t j = tuning.best_sigma + 1; j < tuning.sigma.size(); ++j)
    if (tuning.loss[tuning.best_neighbours * tuning.sigma.size() + j] <= as_good) tuning.best_sigma = j;
  return tuning;
}

}  // namespace skyfold::knn
