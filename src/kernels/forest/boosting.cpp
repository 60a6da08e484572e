// Boosted trees for two classes and for values: growth by counts in quantile bins, level by level, and sums over many trees in vector
// instructions.
#include "boosting.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../common/simd.hpp"

namespace skyfold::forest {
namespace {

constexpr std::size_t most_bins = 256;
constexpr double least_part = 1e-4;    // of a leaf's weight that each class is given: one of one class alone would count infinitely
constexpr double least_weight = 1e-9;  // of all, on either side of a split
constexpr double least_gain = 1e-12;   // of a node's weight: less is rounding

/// Weight, and weight times what is learned (of classes 1 or -1), of what is in a bin.
struct Cell {
  double weight = 0.0, sum = 0.0;
};

double score(const Cell& cell) noexcept { return cell.weight > 0.0 ? cell.sum * cell.sum / cell.weight : 0.0; }

struct BinSplit {
  double gain = 0.0;
  std::uint16_t attribute = 0;
  int bin = -1;  ///< last one that goes left; -1: no split
};

/// Grows a tree level by level: all nodes of a level are looked at in one pass over the rows for each attribute.
class LevelGrower {
 public:
  /// @param least  weight that each side of a split must have
  LevelGrower(const BinnedAttributes& data, std::size_t depth, double least)
      : data_(data), depth_(depth), least_(least), node_(data.rows) {}

  /// Splits that leave the least squares of term / weight.
  /// @param term  weight times what is learned, shape [rows]
  /// @param threshold, attribute  filled, shape [2^depth - 1]
  void grow(std::span<const double> weight, std::span<const double> term, std::span<float> threshold, std::span<std::uint16_t> attribute) {
    std::ranges::fill(threshold, std::numeric_limits<float>::infinity());
    std::ranges::fill(attribute, std::uint16_t{0});
    std::ranges::fill(node_, std::uint8_t{0});
    for (std::size_t level = 0, width = 1; level < depth_; ++level, width *= 2)
      split_level(weight, term, threshold.subspan(width - 1, width), attribute.subspan(width - 1, width));
  }
  /// Leaf of a row of the tree grown last.
  [[nodiscard]] std::size_t leaf(std::size_t row) const noexcept { return node_[row]; }
  /// What is in its leaves.
  [[nodiscard]] std::vector<Cell> leaves(std::span<const double> weight, std::span<const double> term) const {
    std::vector<Cell> cells(std::size_t{1} << depth_);
    for (std::size_t i = 0; i < data_.rows; ++i) {
      cells[node_[i]].weight += weight[i];
      cells[node_[i]].sum += term[i];
    }
    return cells;
  }

 private:
  void split_level(std::span<const double> weight, std::span<const double> term, std::span<float> threshold,
                   std::span<std::uint16_t> attribute) {
    const std::size_t width = threshold.size();
    std::vector<BinSplit> best(width);
    for (std::size_t a = 0; a < data_.attributes; ++a) {
      const std::size_t bins = data_.threshold[a].size() + 1;
      if (bins < 2) continue;
      cells_.assign(width * most_bins, {});
      const std::uint8_t* bin = &data_.bin[a * data_.rows];
      for (std::size_t i = 0; i < data_.rows; ++i) {
        Cell& cell = cells_[node_[i] * most_bins + bin[i]];
        cell.weight += weight[i];
        cell.sum += term[i];
      }
      for (std::size_t k = 0; k < width; ++k) find_best(&cells_[k * most_bins], bins, static_cast<std::uint16_t>(a), best[k]);
    }
    for (std::size_t k = 0; k < width; ++k) {
      if (best[k].bin < 0) continue;
      attribute[k] = best[k].attribute;
      threshold[k] = data_.threshold[best[k].attribute][static_cast<std::size_t>(best[k].bin)];
    }
    for (std::size_t i = 0; i < data_.rows; ++i) {
      const BinSplit& split = best[node_[i]];
      const bool is_left = split.bin < 0 || data_.bin[split.attribute * data_.rows + i] <= split.bin;
      node_[i] = static_cast<std::uint8_t>(2 * node_[i] + (is_left ? 0 : 1));
    }
  }

  void find_best(const Cell* cells, std::size_t bins, std::uint16_t attribute, BinSplit& best) const {
    Cell all, left;
    for (std::size_t b = 0; b < bins; ++b) all.weight += cells[b].weight, all.sum += cells[b].sum;
    for (std::size_t b = 0; b + 1 < bins; ++b) {
      left.weight += cells[b].weight;
      left.sum += cells[b].sum;
      const Cell right = {all.weight - left.weight, all.sum - left.sum};
      if (left.weight < least_ || right.weight < least_) continue;
      const double gain = score(left) + score(right) - score(all);
      if (gain > best.gain * (1.0 + 1e-12) && gain > least_gain * all.weight) best = {gain, attribute, static_cast<int>(b)};
    }
  }

  const BinnedAttributes& data_;
  std::size_t depth_;
  double least_;
  std::vector<std::uint8_t> node_;  ///< of each row, counted within the level
  std::vector<Cell> cells_;
};

/// Half the logarithm of the ratio of the classes' weights in a leaf.
float log_ratio(const Cell& cell, double shrinkage) {
  const auto& [all, difference] = cell;
  const double signal = 0.5 * (all + difference) + least_part * all, rest = 0.5 * (all - difference) + least_part * all;
  return all > 0.0 ? static_cast<float>(shrinkage * 0.5 * std::log(signal / rest)) : 0.0f;
}

typedef float Eight __attribute__((vector_size(32)));
constexpr std::size_t eight = 8;

SKYFOLD_INLINE Eight load(const float* p) {
  Eight v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// A tree in memory: its nodes and leaves.
struct TreeView {
  const float* threshold;
  const std::uint16_t* attribute;
  const float* value;
};

/// The answers of what is below a node for eight objects. All nodes are asked, the answers are chosen afterwards: no object waits for
/// another.
template <std::size_t Depth, std::size_t Node = 0>
SKYFOLD_INLINE Eight answers(const TreeView& tree, const float* value, std::size_t n) {
  constexpr std::size_t nodes = (std::size_t{1} << Depth) - 1;
  if constexpr (Node >= nodes) {
    return Eight{} + tree.value[Node - nodes];
  } else {
    const Eight left = answers<Depth, 2 * Node + 1>(tree, value, n), right = answers<Depth, 2 * Node + 2>(tree, value, n);
    return load(value + tree.attribute[Node] * n) <= Eight{} + tree.threshold[Node] ? left : right;
  }
}

/// The sums of trees of which number t is `tree_at(t)`.
template <std::size_t Depth, class TreeAt>
SKYFOLD_INLINE void add_all(std::size_t trees, const TreeAt& tree_at, float start, const float* value, std::size_t n, float* sum) {
  for (std::size_t i = 0; i < n; i += eight) {
    Eight sums = Eight{} + start;
    for (std::size_t t = 0; t < trees; ++t) sums += answers<Depth>(tree_at(t), value + i, n);
    std::memcpy(sum + i, &sums, sizeof sums);
  }
}

}  // namespace

BinnedAttributes bin_attributes(std::span<const float> value, std::size_t attributes) {
  BinnedAttributes data;
  data.attributes = attributes;
  data.rows = value.size() / attributes;
  data.bin.resize(value.size());
  data.threshold.resize(attributes);
  std::vector<float> sorted(data.rows);
  for (std::size_t a = 0; a < attributes; ++a) {
    for (std::size_t i = 0; i < data.rows; ++i) sorted[i] = value[i * attributes + a];
    std::sort(sorted.begin(), sorted.end());
    std::vector<float>& threshold = data.threshold[a];
    const auto different = static_cast<std::size_t>(std::unique(sorted.begin(), sorted.end()) - sorted.begin());
    if (different > most_bins) {  // quantiles of the rows, so sorted anew with what is there several times
      for (std::size_t i = 0; i < data.rows; ++i) sorted[i] = value[i * attributes + a];
      std::sort(sorted.begin(), sorted.end());
    }
    const std::size_t n = different > most_bins ? data.rows : different, bins = std::min(different, most_bins);
    for (std::size_t k = 1; k < bins; ++k) {
      const std::size_t at = k * n / bins;
      const float low = sorted[at - 1], high = sorted[at];
      const float middle = low + 0.5f * (high - low);
      if (low < high) threshold.push_back(middle < high ? middle : low);
    }
    for (std::size_t i = 0; i < data.rows; ++i)
      data.bin[a * data.rows + i] =
          static_cast<std::uint8_t>(std::lower_bound(threshold.begin(), threshold.end(), value[i * attributes + a]) - threshold.begin());
  }
  return data;
}

std::vector<SmallTree> boost(const BinnedAttributes& data, std::span<const std::uint8_t> is_signal, std::vector<double> weight,
                             std::size_t trees, double shrinkage) {
  std::vector<SmallTree> grown(trees);
  std::vector<double> term(data.rows);
  LevelGrower grower(data, SmallTree::depth, least_weight);
  for (SmallTree& tree : grown) {
    double sum = 0.0;
    for (const double w : weight) sum += w;
    for (std::size_t i = 0; i < data.rows; ++i) {
      weight[i] /= sum;
      term[i] = is_signal[i] ? weight[i] : -weight[i];
    }
    grower.grow(weight, term, tree.threshold, tree.attribute);
    const std::vector<Cell> leaves = grower.leaves(weight, term);
    std::array<double, SmallTree::leaves> factor{};
    for (std::size_t k = 0; k < SmallTree::leaves; ++k) {
      tree.value[k] = log_ratio(leaves[k], shrinkage);
      factor[k] = std::exp(static_cast<double>(tree.value[k]));
    }
    for (std::size_t i = 0; i < data.rows; ++i) weight[i] *= is_signal[i] ? 1.0 / factor[grower.leaf(i)] : factor[grower.leaf(i)];
  }
  return grown;
}

RegressionTrees boost_regression(const BinnedAttributes& data, std::span<const double> y, std::span<const double> weight,
                                 const RegressionOptions& o) {
  double all = 0.0, sum = 0.0;
  for (std::size_t i = 0; i < data.rows; ++i) all += weight[i], sum += weight[i] * y[i];
  RegressionTrees grown{.depth = o.depth, .start = all > 0.0 ? static_cast<float>(sum / all) : 0.0f};
  const std::size_t nodes = grown.nodes(), leaves = grown.leaves();
  grown.threshold.resize(o.trees * nodes);
  grown.attribute.resize(o.trees * nodes);
  grown.value.resize(o.trees * leaves);
  std::vector<double> term(data.rows), value(data.rows, static_cast<double>(grown.start));
  // Rows count by their weights: as many as `least` of mean weight.
  LevelGrower grower(data, o.depth, std::max(o.least - 1e-9, 1e-9) * all / static_cast<double>(data.rows));
  for (std::size_t t = 0; t < o.trees; ++t) {
    for (std::size_t i = 0; i < data.rows; ++i) term[i] = weight[i] * (y[i] - value[i]);
    grower.grow(weight, term, std::span(grown.threshold).subspan(t * nodes, nodes), std::span(grown.attribute).subspan(t * nodes, nodes));
    const std::vector<Cell> cells = grower.leaves(weight, term);
    for (std::size_t k = 0; k < leaves; ++k)
      grown.value[t * leaves + k] = cells[k].weight > 0.0 ? static_cast<float>(o.shrinkage * cells[k].sum / cells[k].weight) : 0.0f;
    for (std::size_t i = 0; i < data.rows; ++i) value[i] += static_cast<double>(grown.value[t * leaves + grower.leaf(i)]);
  }
  return grown;
}

SKYFOLD_CLONES
void boosted_sums(std::span<const SmallTree> trees, const float* value, std::size_t n, float* sum) {
  const auto tree_at = [&](std::size_t t) { return TreeView{trees[t].threshold.data(), trees[t].attribute.data(), trees[t].value.data()}; };
  add_all<SmallTree::depth>(trees.size(), tree_at, 0.0f, value, n, sum);
}

SKYFOLD_CLONES
void boosted_sums(const RegressionTrees& trees, const float* value, std::size_t n, float* sum) {
  const std::size_t nodes = trees.nodes(), leaves = trees.leaves();
  const auto tree_at = [&](std::size_t t) {
    return TreeView{trees.threshold.data() + t * nodes, trees.attribute.data() + t * nodes, trees.value.data() + t * leaves};
  };
  const std::size_t count = trees.size();
  switch (trees.depth) {
    case 1:
      return add_all<1>(count, tree_at, trees.start, value, n, sum);
    case 2:
      return add_all<2>(count, tree_at, trees.start, value, n, sum);
    case 3:
      return add_all<3>(count, tree_at, trees.start, value, n, sum);
    case 4:
      return add_all<4>(count, tree_at, trees.start, value, n, sum);
    case 5:
      return add_all<5>(count, tree_at, trees.start, value, n, sum);
    default:
      return add_all<6>(count, tree_at, trees.start, value, n, sum);
  }
}

}  // namespace skyfold::forest
