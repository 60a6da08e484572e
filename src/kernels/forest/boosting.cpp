// Boosted trees of depth three for two classes: growth by counts in quantile bins, level by level, and sums over many trees in vector
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

/// Weight, and weight times y (1 or -1), of what is in a bin.
struct Cell {
  double weight = 0.0, sum = 0.0;
};

double score(const Cell& cell) noexcept { return cell.weight > 0.0 ? cell.sum * cell.sum / cell.weight : 0.0; }

struct BinSplit {
  double gain = 0.0;
  std::uint16_t attribute = 0;
  int bin = -1;  ///< last one that goes left; -1: no split
};

/// Grows one tree level by level: all nodes of a level are looked at in one pass over the rows for each attribute.
class SmallTreeGrower {
 public:
  SmallTreeGrower(const BinnedAttributes& data, std::span<const std::uint8_t> is_signal)
      : data_(data), is_signal_(is_signal), node_(data.rows), term_(data.rows) {}

  SmallTree grow(std::span<const double> weight, double shrinkage) {
    SmallTree tree;
    tree.threshold.fill(std::numeric_limits<float>::infinity());
    tree.attribute.fill(0);
    std::fill(node_.begin(), node_.end(), std::uint8_t{0});
    for (std::size_t i = 0; i < data_.rows; ++i) term_[i] = is_signal_[i] ? weight[i] : -weight[i];
    for (std::size_t first = 0, width = 1; first < SmallTree::nodes; first += width, width *= 2) split_level(first, width, weight, tree);
    set_values(weight, shrinkage, tree);
    return tree;
  }
  /// Leaf of a row of the tree grown last.
  [[nodiscard]] std::size_t leaf(std::size_t row) const noexcept { return node_[row]; }

 private:
  void split_level(std::size_t first, std::size_t width, std::span<const double> weight, SmallTree& tree) {
    std::vector<BinSplit> best(width);
    for (std::size_t a = 0; a < data_.attributes; ++a) {
      const std::size_t bins = data_.threshold[a].size() + 1;
      if (bins < 2) continue;
      cells_.assign(width * most_bins, {});
      const std::uint8_t* bin = &data_.bin[a * data_.rows];
      for (std::size_t i = 0; i < data_.rows; ++i) {
        Cell& cell = cells_[node_[i] * most_bins + bin[i]];
        cell.weight += weight[i];
        cell.sum += term_[i];
      }
      for (std::size_t k = 0; k < width; ++k) find_best(&cells_[k * most_bins], bins, static_cast<std::uint16_t>(a), best[k]);
    }
    for (std::size_t k = 0; k < width; ++k) {
      if (best[k].bin < 0) continue;
      tree.attribute[first + k] = best[k].attribute;
      tree.threshold[first + k] = data_.threshold[best[k].attribute][static_cast<std::size_t>(best[k].bin)];
    }
    for (std::size_t i = 0; i < data_.rows; ++i) {
      const BinSplit& split = best[node_[i]];
      const bool is_left = split.bin < 0 || data_.bin[split.attribute * data_.rows + i] <= split.bin;
      node_[i] = static_cast<std::uint8_t>(2 * node_[i] + (is_left ? 0 : 1));
    }
  }

  static void find_best(const Cell* cells, std::size_t bins, std::uint16_t attribute, BinSplit& best) {
    Cell all, left;
    for (std::size_t b = 0; b < bins; ++b) all.weight += cells[b].weight, all.sum += cells[b].sum;
    for (std::size_t b = 0; b + 1 < bins; ++b) {
      left.weight += cells[b].weight;
      left.sum += cells[b].sum;
      const Cell right = {all.weight - left.weight, all.sum - left.sum};
      if (left.weight < least_weight || right.weight < least_weight) continue;
      const double gain = score(left) + score(right) - score(all);
      if (gain > best.gain * (1.0 + 1e-12) && gain > 1e-12 * all.weight) best = {gain, attribute, static_cast<int>(b)};
    }
  }

  void set_values(std::span<const double> weight, double shrinkage, SmallTree& tree) const {
    std::array<Cell, SmallTree::leaves> cells{};
    for (std::size_t i = 0; i < data_.rows; ++i) {
      cells[node_[i]].weight += weight[i];
      cells[node_[i]].sum += term_[i];
    }
    for (std::size_t leaf = 0; leaf < SmallTree::leaves; ++leaf) {
      const auto& [all, difference] = cells[leaf];
      const double signal = 0.5 * (all + difference) + least_part * all, rest = 0.5 * (all - difference) + least_part * all;
      tree.value[leaf] = all > 0.0 ? static_cast<float>(shrinkage * 0.5 * std::log(signal / rest)) : 0.0f;
    }
  }

  const BinnedAttributes& data_;
  std::span<const std::uint8_t> is_signal_;
  std::vector<std::uint8_t> node_;  ///< of each row, counted within the level
  std::vector<double> term_;
  std::vector<Cell> cells_;
};

typedef float Eight __attribute__((vector_size(32)));
constexpr std::size_t eight = 8;

SKYFOLD_INLINE Eight load(const float* p) {
  Eight v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// Of two answers the one of the side to which node k sends each object.
SKYFOLD_INLINE Eight chosen(const SmallTree& tree, std::size_t k, const float* value, std::size_t n, const Eight& left,
                            const Eight& right) {
  return load(value + tree.attribute[k] * n) <= Eight{} + tree.threshold[k] ? left : right;
}

/// The answers of the leaves below node k of the last level.
SKYFOLD_INLINE Eight leaves(const SmallTree& tree, std::size_t k, const float* value, std::size_t n) {
  const std::size_t leaf = 2 * (k - 3);
  return chosen(tree, k, value, n, Eight{} + tree.value[leaf], Eight{} + tree.value[leaf + 1]);
}

/// The sums of eight objects.
SKYFOLD_INLINE Eight sums_of_eight(const SmallTree* trees, std::size_t count, const float* value, std::size_t n) {
  Eight sum = {};
  for (std::size_t t = 0; t < count; ++t) {
    const SmallTree& tree = trees[t];
    // All nodes are asked, the answers are chosen afterwards: no object waits for another.
    const Eight a = leaves(tree, 3, value, n), b = leaves(tree, 4, value, n), c = leaves(tree, 5, value, n), d = leaves(tree, 6, value, n);
    const Eight ab = chosen(tree, 1, value, n, a, b), cd = chosen(tree, 2, value, n, c, d);
    sum += chosen(tree, 0, value, n, ab, cd);
  }
  return sum;
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
  std::vector<SmallTree> grown;
  SmallTreeGrower grower(data, is_signal);
  for (std::size_t t = 0; t < trees; ++t) {
    double sum = 0.0;
    for (const double w : weight) sum += w;
    for (double& w : weight) w /= sum;
    grown.push_back(grower.grow(weight, shrinkage));
    std::array<double, SmallTree::leaves> factor{};
    for (std::size_t k = 0; k < SmallTree::leaves; ++k) factor[k] = std::exp(static_cast<double>(grown.back().value[k]));
    for (std::size_t i = 0; i < data.rows; ++i) weight[i] *= is_signal[i] ? 1.0 / factor[grower.leaf(i)] : factor[grower.leaf(i)];
  }
  return grown;
}

SKYFOLD_CLONES
void boosted_sums(std::span<const SmallTree> trees, const float* value, std::size_t n, float* sum) {
  for (std::size_t i = 0; i < n; i += eight) {
    const Eight sums = sums_of_eight(trees.data(), trees.size(), value + i, n);
    std::memcpy(sum + i, &sums, sizeof sums);
  }
}

}  // namespace skyfold::forest
