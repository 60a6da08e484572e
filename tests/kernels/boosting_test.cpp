// Boosted regression trees against growth by brute force and sums object by object.
#include "forest/boosting.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

using forest::RegressionTrees;

constexpr std::size_t attributes = 3;

/// Attributes of few different values, and a number that follows them with noise.
struct Numbers {
  std::vector<float> value;
  std::vector<double> y, weight;
  Numbers(std::size_t n, std::uint64_t seed) {
    for (std::size_t i = 0; i < n; ++i) {
      ObjectRandom random(seed, i);
      for (std::size_t a = 0; a < attributes; ++a) value.push_back(static_cast<float>(std::round(8.0 * random.normal()) / 4.0));
      y.push_back(5.0 + std::sin(static_cast<double>(at(i, 0))) + static_cast<double>(at(i, 1) * at(i, 2)) + 0.2 * random.normal());
      weight.push_back(0.5 + random.uniform());
    }
  }
  float at(std::size_t row, std::size_t a) const { return value[row * attributes + a]; }
};

std::size_t leaf_of(const RegressionTrees& trees, std::size_t t, const Numbers& data, std::size_t row) {
  std::size_t k = 0;
  while (k < trees.nodes()) {
    const std::size_t node = t * trees.nodes() + k;
    k = data.at(row, trees.attribute[node]) <= trees.threshold[node] ? 2 * k + 1 : 2 * k + 2;
  }
  return k - trees.nodes();
}

/// The sum of squares that is left when a node is split so; with fewer than `least` of the weight on a side: none.
double squares_left(const Numbers& data, const std::vector<double>& y, const std::vector<std::size_t>& rows, std::size_t a, float threshold,
                    double least) {
  double weight[2] = {}, mean[2] = {}, squares = 0.0;
  const auto side = [&](std::size_t i) { return data.at(i, a) <= threshold ? 0 : 1; };
  for (const std::size_t i : rows) weight[side(i)] += data.weight[i], mean[side(i)] += data.weight[i] * y[i];
  if (threshold < 1e30f && (weight[0] < least || weight[1] < least)) return INFINITY;
  for (const std::size_t i : rows) squares += data.weight[i] * std::pow(y[i] - mean[side(i)] / weight[side(i)], 2);
  return squares;
}

TEST(BoostedRegression, EachSplitLeavesTheLeastSquaresAndLeavesHaveTheirPartOfTheMean) {
  const std::size_t n = 150;
  const Numbers data(n, 4);
  const double all = std::accumulate(data.weight.begin(), data.weight.end(), 0.0);
  for (const std::size_t depth : {1u, 2u, 4u}) {
    const double rows_of_leaf = 4.0, least = rows_of_leaf * all / static_cast<double>(n);
    const RegressionTrees trees = forest::boost_regression(forest::bin_attributes(data.value, attributes), data.y, data.weight,
                                                           {.trees = 4, .depth = depth, .shrinkage = 0.6, .least = rows_of_leaf});
    ASSERT_EQ(trees.size(), 4u);
    double mean = 0.0;
    for (std::size_t i = 0; i < n; ++i) mean += data.weight[i] * data.y[i] / all;
    EXPECT_NEAR(trees.start, mean, 1e-6);
    std::vector<double> left = data.y;
    for (double& v : left) v -= static_cast<double>(trees.start);
    for (std::size_t t = 0; t < trees.size(); ++t) {
      std::vector<std::vector<std::size_t>> rows(trees.nodes() + trees.leaves());
      rows[0].resize(n);
      std::iota(rows[0].begin(), rows[0].end(), 0u);
      for (std::size_t k = 0; k < trees.nodes(); ++k) {
        const std::size_t node = t * trees.nodes() + k;
        double best = rows[k].empty() ? 0.0 : squares_left(data, left, rows[k], 0, INFINITY, least);
        for (std::size_t a = 0; a < attributes; ++a)
          for (const std::size_t i : rows[k]) best = std::min(best, squares_left(data, left, rows[k], a, data.at(i, a), least));
        EXPECT_NEAR(squares_left(data, left, rows[k], trees.attribute[node], trees.threshold[node], least), best, 1e-9);
        for (const std::size_t i : rows[k])
          rows[data.at(i, trees.attribute[node]) <= trees.threshold[node] ? 2 * k + 1 : 2 * k + 2].push_back(i);
      }
      for (std::size_t leaf = 0; leaf < trees.leaves(); ++leaf) {
        double weight = 0.0, sum = 0.0;
        for (const std::size_t i : rows[trees.nodes() + leaf]) weight += data.weight[i], sum += data.weight[i] * left[i];
        EXPECT_NEAR(trees.value[t * trees.leaves() + leaf], weight > 0.0 ? 0.6 * sum / weight : 0.0, 1e-6);
      }
      for (std::size_t i = 0; i < n; ++i) left[i] -= static_cast<double>(trees.value[t * trees.leaves() + leaf_of(trees, t, data, i)]);
    }
  }
}

TEST(BoostedRegression, SumsOfManyObjectsAreThoseOfEachForAllDepths) {
  const std::size_t n = 64;
  const Numbers data(n, 5);
  std::vector<float> columns(attributes * n), sum(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t a = 0; a < attributes; ++a) columns[a * n + i] = data.at(i, a);
  double squares_before = INFINITY;
  for (std::size_t depth = 1; depth <= RegressionTrees::most_depth; ++depth) {
    const RegressionTrees trees = forest::boost_regression(forest::bin_attributes(data.value, attributes), data.y, data.weight,
                                                           {.trees = 60, .depth = depth, .shrinkage = 0.2});
    forest::boosted_sums(trees, columns.data(), n, sum.data());
    double squares = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      double expected = static_cast<double>(trees.start);
      for (std::size_t t = 0; t < trees.size(); ++t)
        expected += static_cast<double>(trees.value[t * trees.leaves() + leaf_of(trees, t, data, i)]);
      EXPECT_NEAR(sum[i], expected, 1e-5);
      squares += std::pow(static_cast<double>(sum[i]) - data.y[i], 2);
    }
    EXPECT_LT(squares, depth < 6 ? squares_before : 2.0 * squares_before);  // the last has nothing more to split
    squares_before = squares;
  }
}

TEST(BoostedRegression, StandsStillWhereNothingIsToBeLearned) {
  Numbers data(20, 6);
  std::ranges::fill(data.y, 0.7);
  const RegressionTrees trees =
      forest::boost_regression(forest::bin_attributes(data.value, attributes), data.y, data.weight, {.trees = 3, .depth = 2});
  for (const float v : trees.value) EXPECT_NEAR(v, 0.0, 1e-6);
  EXPECT_FLOAT_EQ(trees.start, 0.7f);
}

}  // namespace
}  // namespace skyfold
