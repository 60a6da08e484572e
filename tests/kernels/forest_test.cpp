// The core of decision forests against growth by brute force and gains by direct sums.
#include "forest/growth.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "skyfold/core/random.hpp"

namespace skyfold::forest {
namespace {

constexpr float missing = std::numeric_limits<float>::quiet_NaN();

/// Rows with attributes of few digits, so that values repeat, a redshift, a class and a weight.
struct Data {
  std::size_t n, attributes;
  std::vector<float> value, weight, basis;
  std::vector<double> z;
  std::vector<std::uint16_t> label;
  Data(std::size_t rows, std::size_t d, std::uint64_t seed, double missing_part = 0.0) : n(rows), attributes(d) {
    for (std::size_t i = 0; i < n; ++i) {
      ObjectRandom random(seed, i);
      for (std::size_t a = 0; a < d; ++a) {
        const auto x = static_cast<float>(std::round(20.0 * random.normal()) / 10.0);
        value.push_back(random.uniform() < missing_part ? missing : x);
      }
      z.push_back(random.uniform() + 0.1 * (std::isnan(value[i * d]) ? 0.0 : value[i * d]));
      weight.push_back(static_cast<float>(1 + i % 3));
      label.push_back(static_cast<std::uint16_t>(4.0 * random.uniform()));
    }
    basis = cosine_basis(z, -1.0, 2.0);
  }
  Sample sample(const Target& target) const { return {attributes, value, weight, target}; }
  std::vector<std::uint32_t> rows() const {
    std::vector<std::uint32_t> all(n);
    std::iota(all.begin(), all.end(), 0u);
    return all;
  }
};

/// What is left unexplained in some rows, by its definition: sums of squares about means, impurity, or the integrated squared error
/// of the PDF in cosines.
double unexplained(const Data& data, const Target& target, const std::vector<std::uint32_t>& rows) {
  double n = 0.0;
  for (const std::uint32_t row : rows) n += data.weight[row];
  if (rows.empty()) return 0.0;
  double sum = 0.0;
  if (std::holds_alternative<SquareSums::Target>(target)) {
    double mean = 0.0;
    for (const std::uint32_t row : rows) mean += data.weight[row] * data.z[row] / n;
    for (const std::uint32_t row : rows) sum += data.weight[row] * std::pow(data.z[row] - mean, 2);
  } else if (const auto* classes = std::get_if<ClassSums::Target>(&target)) {
    for (std::uint16_t c = 0; c < classes->classes; ++c) {
      double part = 0.0;
      for (const std::uint32_t row : rows) part += data.label[row] == c ? data.weight[row] / n : 0.0;
      if (part > 0.0) sum += n * (classes->is_entropy ? -part * std::log(part) : part * (1.0 - part));
    }
  } else {
    for (std::size_t j = 1; j < DensitySums::functions; ++j) {
      double mean = 0.0, squares = 0.0;
      for (const std::uint32_t row : rows) {
        const double phi = std::numbers::sqrt2 * std::cos(static_cast<double>(j) * std::numbers::pi * (data.z[row] + 1.0) / 3.0);
        mean += data.weight[row] * phi / n;
        squares += data.weight[row] * phi * phi;
      }
      sum += squares - n * mean * mean;
    }
  }
  return sum;
}

std::vector<Target> targets(const Data& data) {
  return {SquareSums::Target{data.z}, ClassSums::Target{data.label, 4, false}, ClassSums::Target{data.label, 4, true},
          DensitySums::Target{data.basis}};
}

struct BruteSplit {
  double gain = 0.0;
  std::vector<std::uint32_t> left, right;
};

/// The best split over all attributes and thresholds, by trying each of them.
BruteSplit brute_split(const Data& data, const Target& target, const std::vector<std::uint32_t>& rows, std::size_t least) {
  BruteSplit best;
  for (std::size_t a = 0; a < data.attributes; ++a)
    for (const std::uint32_t at : rows) {
      BruteSplit split;
      std::vector<std::uint32_t> present;
      for (const std::uint32_t row : rows) {
        const float x = data.value[row * data.attributes + a];
        if (std::isnan(x)) continue;
        present.push_back(row);
        (x <= data.value[at * data.attributes + a] ? split.left : split.right).push_back(row);
      }
      if (split.left.size() < least || split.right.size() < least) continue;
      split.gain = unexplained(data, target, present) - unexplained(data, target, split.left) - unexplained(data, target, split.right);
      if (split.gain > best.gain + 1e-9) best = split;
    }
  return best;
}

TEST(Forest, GainsOfSplitsAreWhatTheyExplainByDirectSums) {
  for (const double missing_part : {0.0, 0.2}) {
    const Data data(60, 3, 11, missing_part);
    for (const Target& target : targets(data)) {
      double best = 0.0;
      for (std::uint16_t a = 0; a < 3; ++a) best = std::max(best, best_split(data.sample(target), {.least = 4}, data.rows(), a).gain);
      EXPECT_NEAR(best, brute_split(data, target, data.rows(), 4).gain, 1e-4 * best);
    }
  }
}

/// Leaves by recursion with brute force, as sets of rows.
void brute_leaves(const Data& data, const Target& target, const std::vector<std::uint32_t>& rows, std::size_t stop,
                  std::vector<std::vector<std::uint32_t>>& leaves) {
  const BruteSplit split = rows.size() <= stop ? BruteSplit{} : brute_split(data, target, rows, 1);
  if (split.gain <= 1e-7) {
    leaves.push_back(rows);
    return;
  }
  brute_leaves(data, target, split.left, stop, leaves);
  brute_leaves(data, target, split.right, stop, leaves);
}

TEST(Forest, ExactTreesAreThoseOfBruteForce) {
  // Continuous attributes: no two splits have the same gain.
  Data data(80, 3, 12);
  for (std::size_t i = 0; i < data.value.size(); ++i) data.value[i] += static_cast<float>(1e-3 * ObjectRandom(3, i).uniform());
  const Target target = SquareSums::Target{data.z};
  const Tree tree = grow(data.sample(target), {.stop = 5}, data.rows(), 1, 0);
  std::vector<std::vector<std::uint32_t>> expected, found;
  brute_leaves(data, target, data.rows(), 5, expected);
  for (std::uint32_t k = 0; k < tree.nodes.size(); ++k)
    if (tree.nodes[k].child == k) found.emplace_back(tree.rows_of(k).begin(), tree.rows_of(k).end());
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  EXPECT_GT(found.size(), 15u);
  EXPECT_EQ(found, expected);
}

TEST(Forest, ObjectsArriveWhereTheirRowsAre) {
  for (const bool is_random : {false, true}) {
    const Data data(500, 4, 13, 0.1);
    const Tree tree = grow(data.sample(DensitySums::Target{data.basis}), {.random_thresholds = is_random, .least = 3}, data.rows(), 7, 2);
    std::vector<std::uint32_t> leaf(data.n);
    find_leaves(tree.nodes, data.value.data(), data.n, data.attributes, leaf.data());
    std::size_t leaves = 0;
    for (std::uint32_t k = 0; k < tree.nodes.size(); ++k) {
      const auto rows = tree.rows_of(k);
      leaves += tree.nodes[k].child == k;
      EXPECT_EQ(rows.empty(), tree.nodes[k].child != k);
      for (const std::uint32_t row : rows) EXPECT_EQ(leaf[row], k);
      // One by one, as a reader of the nodes would go.
      if (!rows.empty()) {
        std::uint32_t at = 0;
        while (tree.nodes[at].child != at) {
          const float x = data.value[rows[0] * data.attributes + tree.nodes[at].attribute];
          const bool is_left = std::isnan(x) ? tree.nodes[at].missing_left != 0 : x <= tree.nodes[at].threshold;
          EXPECT_GT(tree.nodes[at].child, at);
          at = tree.nodes[at].child + (is_left ? 0 : 1);
        }
        EXPECT_EQ(at, k);
      }
    }
    EXPECT_EQ(tree.rows.size(), data.n);
    EXPECT_GT(leaves, 50u);
  }
}

TEST(Forest, DrawnThresholdsAreTheBestOfThoseDrawnAndWithinTheRange) {
  const Data data(200, 3, 14);
  std::vector<float> thresholds;
  for (std::uint32_t tree = 0; tree < 200; ++tree) {
    const Tree grown =
        grow(data.sample(SquareSums::Target{data.z}), {.random_thresholds = true, .tried = 1, .stop = 199}, data.rows(), 5, tree);
    ASSERT_EQ(grown.nodes.size(), 3u);
    if (grown.nodes[0].attribute == 0) thresholds.push_back(grown.nodes[0].threshold);
  }
  // A third of the trees try attribute 0, and its thresholds are even over its range.
  EXPECT_NEAR(static_cast<double>(thresholds.size()), 200.0 / 3.0, 25.0);
  float low = missing, high = missing;
  for (std::size_t i = 0; i < data.n; ++i) low = std::fmin(low, data.value[i * 3]), high = std::fmax(high, data.value[i * 3]);
  double mean = 0.0;
  for (const float t : thresholds) {
    EXPECT_GE(t, low);
    EXPECT_LT(t, high);
    mean += t / static_cast<double>(thresholds.size());
  }
  EXPECT_NEAR(mean, 0.5 * (low + high), 4.0 * (high - low) / std::sqrt(12.0 * static_cast<double>(thresholds.size())));
}

TEST(Forest, RowsDrawnTwiceAreThereTwice) {
  const Data data(30, 2, 15);
  std::vector<std::uint32_t> rows = data.rows();
  rows.insert(rows.end(), {4u, 4u, 9u});
  const Tree tree = grow(data.sample(SquareSums::Target{data.z}), {.stop = 5}, rows, 1, 0);
  std::vector<std::uint32_t> found = tree.rows;
  std::sort(found.begin(), found.end());
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(found, rows);
}

TEST(Forest, ConstantAttributesAndEqualTargetsGiveOneLeaf) {
  Data data(50, 2, 16);
  std::vector<double> same(50, 0.0);
  EXPECT_EQ(grow(data.sample(SquareSums::Target{same}), {}, data.rows(), 1, 0).nodes.size(), 1u);
  std::fill(data.value.begin(), data.value.end(), 3.0f);
  EXPECT_EQ(grow(data.sample(SquareSums::Target{data.z}), {.random_thresholds = true}, data.rows(), 1, 0).nodes.size(), 1u);
  std::fill(data.value.begin(), data.value.end(), missing);
  EXPECT_EQ(grow(data.sample(SquareSums::Target{data.z}), {}, data.rows(), 1, 0).nodes.size(), 1u);
}

TEST(Forest, TreesComeBackFromBytes) {
  const Data data(100, 3, 17);
  std::vector<Tree> trees, back;
  for (std::uint32_t t = 0; t < 3; ++t) trees.push_back(grow(data.sample(SquareSums::Target{data.z}), {.tried = 2}, data.rows(), 1, t));
  from_bytes(to_bytes(trees), back);
  ASSERT_EQ(back.size(), 3u);
  for (std::size_t t = 0; t < 3; ++t) {
    EXPECT_EQ(back[t].begin, trees[t].begin);
    EXPECT_EQ(back[t].rows, trees[t].rows);
    ASSERT_EQ(back[t].nodes.size(), trees[t].nodes.size());
    EXPECT_EQ(std::memcmp(back[t].nodes.data(), trees[t].nodes.data(), trees[t].nodes.size() * sizeof(Node)), 0);
  }
  EXPECT_NE(trees[0].rows, trees[1].rows);
}

TEST(Forest, BootstrapCountsFollowPoissonsLaw) {
  std::vector<double> count(13, 0.0);
  constexpr int draws = 20000;
  for (int id = 0; id < draws; ++id) count[bootstrap_count(3, id, 5)] += 1.0;
  double p = std::exp(-1.0);
  for (int k = 0; k < 5; p /= ++k) EXPECT_NEAR(count[static_cast<std::size_t>(k)] / draws, p, 4.0 * std::sqrt(p / draws)) << k;
}

}  // namespace
}  // namespace skyfold::forest
