// Growth of a forest in tasks, and the width of its PDFs' Gaussians by the CDE loss of objects that the trees have not seen.
#include "training.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "skyfold/core/hash.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::tpz {
namespace {

constexpr std::size_t trees_per_task = 4;
constexpr std::array<double, 14> sigma_grid = {0.0003, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.007,
                                               0.010,  0.014,  0.020, 0.03,  0.05,  0.1,   0.2};
constexpr std::array<double, 8> scatter_grid = {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8};
constexpr std::size_t block_objects = 64;

/// Some trees of one copy.
struct Batch {
  std::uint32_t copy, first, count;
};

std::vector<Batch> batches_of(const Options& o) {
  std::vector<Batch> batches;
  const auto trees = static_cast<std::size_t>(o.trees), copies = static_cast<std::size_t>(o.copies);
  std::size_t first = 0;
  for (std::size_t copy = 0; copy < copies; ++copy) {
    const std::size_t end = trees * (copy + 1) / copies;
    for (; first < end; first = std::min(first + trees_per_task, end))
      batches.push_back({static_cast<std::uint32_t>(copy), static_cast<std::uint32_t>(first),
                         static_cast<std::uint32_t>(std::min(trees_per_task, end - first))});
  }
  return batches;
}

std::vector<std::uint32_t> rows_of_tree(const TrainingRows& rows, bool is_bootstrap, std::uint64_t seed, std::uint32_t tree) {
  std::vector<std::uint32_t> drawn(rows.size());
  std::iota(drawn.begin(), drawn.end(), 0u);
  if (!is_bootstrap) return drawn;
  drawn.clear();
  for (std::uint32_t row = 0; row < rows.size(); ++row) drawn.insert(drawn.end(), forest::bootstrap_count(seed, rows.id[row], tree), row);
  return drawn;
}

}  // namespace

std::vector<forest::Tree> grow_forest(const TrainingRows& rows, const FeatureLayer& layer, const Options& o, std::uint64_t seed,
                                      TrainingTasks& tasks, const std::string& step) {
  const GrowthTarget target = growth_target(rows, o);
  const std::vector<float> original = attributes_of(rows.photometry, layer);
  const bool is_bootstrap = o.growth == "bootstrap";
  const auto leaf = static_cast<std::size_t>(o.leaf);
  const forest::GrowthOptions growth{!is_bootstrap, static_cast<std::size_t>(o.attributes), is_bootstrap ? leaf : 1,
                                     is_bootstrap ? 1 : leaf};
  const std::vector<Batch> batches = batches_of(o);
  std::vector<std::string> grown = tasks.run(step, batches.size(), [&](std::size_t task, int) {
    const auto [copy, first, count] = batches[task];
    const std::vector<float> noisy = copy > 0 ? attributes_of(rows, layer, seed, copy) : std::vector<float>();
    const forest::Sample sample{layer.size(), copy > 0 ? noisy : original, rows.weight, target.target(o)};
    std::vector<forest::Tree> trees;
    for (std::uint32_t tree = first; tree < first + count; ++tree) {
      trees.push_back(forest::grow(sample, growth, rows_of_tree(rows, is_bootstrap, seed, tree), seed ^ hash_text(step), tree));
      tasks.tell(step, task, static_cast<double>(trees.size()) / count, std::nan(""));
    }
    return forest::to_bytes(trees);
  });
  std::vector<forest::Tree> trees;
  for (std::string& bytes : grown) {
    forest::from_bytes(bytes, trees);
    std::string().swap(bytes);  // of a million rows they are a gigabyte
  }
  return trees;
}

void for_unseen(const Unseen& unseen, std::span<const float> value, bool leaves_are_equal, int threads,
                const std::function<void(std::size_t, std::span<const Share>, int)>& use) {
  const std::size_t n = unseen.objects->size(), attributes = unseen.layer->size();
  parallel_for(n, LeafBlock::objects, threads, [&](std::size_t begin, std::size_t end, int thread) {
    LeafBlock block(*unseen.trees, *unseen.weight, leaves_are_equal);
    block.find(&value[begin * attributes], end - begin, attributes);
    for (std::size_t i = begin; i < end; ++i) {
      const std::int64_t id = unseen.objects->id[i];
      // Who is in the bag of a tree is drawn by id: it need not be kept.
      const auto has_not_seen = [&](std::size_t tree) {
        return forest::bootstrap_count(unseen.seed, id, static_cast<std::uint32_t>(tree)) == 0;
      };
      const std::span<const Share> shares = unseen.is_out_of_bag ? block.shares(i - begin, has_not_seen) : block.shares(i - begin);
      if (!shares.empty()) use(i, shares, thread);
    }
  });
}

Judged judge(const Unseen& unseen, int threads) {
  const TrainingRows& objects = *unseen.objects;
  Judged judged{objects.z, {objects.weight.begin(), objects.weight.end()}, std::vector<std::vector<Share>>(objects.size())};
  for_unseen(unseen, attributes_of(objects.photometry, *unseen.layer), true, threads,
             [&](std::size_t i, std::span<const Share> shares, int) { judged.shares[i].assign(shares.begin(), shares.end()); });
  return judged;
}

WidthGrid choose_width(const Judged& judged, std::span<const double> z, const Options& o, int threads) {
  WidthGrid grid;
  if (o.sigma > 0.0)
    grid.sigma = {o.sigma};
  else
    grid.sigma.assign(sigma_grid.begin(), sigma_grid.end());
  if (o.scatter >= 0.0)
    grid.scatter = {o.scatter};
  else
    grid.scatter.assign(scatter_grid.begin(), scatter_grid.end());
  const std::size_t cells = grid.sigma.size() * grid.scatter.size(), n = judged.z.size();
  // Sums of blocks of a fixed size, added in their order: the same bits for any threads.
  std::vector<double> sums((n + block_objects - 1) / block_objects * cells, 0.0);
  parallel_for(n, block_objects, threads, [&](std::size_t begin, std::size_t end, int) {
    ShareMixture maker(z);
    for (std::size_t i = begin; i < end; ++i)
      for (std::size_t cell = 0; cell < cells && !judged.shares[i].empty(); ++cell)
        sums[begin / block_objects * cells + cell] +=
            judged.weight[i] *
            maker.make(judged.shares[i], grid.sigma[cell / grid.scatter.size()], grid.scatter[cell % grid.scatter.size()])
                .cde_loss(judged.z[i]);
  });
  grid.loss.assign(cells, 0.0);
  double weights = 0.0;
  for (std::size_t i = 0; i < n; ++i) weights += judged.shares[i].empty() ? 0.0 : judged.weight[i];
  for (std::size_t k = 0; k < sums.size(); ++k) grid.loss[k % cells] += sums[k];
  for (double& loss : grid.loss) loss /= weights;
  grid.objects = n;
  grid.best = static_cast<std::size_t>(std::min_element(grid.loss.begin(), grid.loss.end()) - grid.loss.begin());
  return grid;
}

}  // namespace skyfold::tpz
