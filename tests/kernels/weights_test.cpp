#include "skyfold/kernels/samples/weights.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "skyfold/core/error.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

constexpr std::size_t dimensions = 4;

/// Clustered points; some share their places on a coarse grid, so that distances tie.
std::vector<double> make_points(std::size_t n, std::uint64_t seed, double centre, bool is_coarse = false) {
  std::vector<double> points;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(seed, i);
    const double width = random.uniform() < 0.1 ? 3.0 : 0.5;
    for (std::size_t k = 0; k < dimensions; ++k) {
      const double x = centre + width * random.normal();
      points.push_back(is_coarse ? std::round(2.0 * x) / 2.0 : x);
    }
  }
  return points;
}

double distance2(const double* a, const double* b) {
  double sum = 0.0;
  for (std::size_t k = 0; k < dimensions; ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

struct Direct {
  std::vector<double> radius2;
  std::vector<std::int64_t> counts;
  std::vector<std::int32_t> inside;
};

/// The definition, in two loops.
Direct direct(const std::vector<double>& training, const std::vector<double>& photometric, std::size_t neighbours) {
  Direct result;
  const std::size_t n = training.size() / dimensions, m = photometric.size() / dimensions;
  result.counts.assign(n, 0);
  result.inside.assign(m, 0);
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> others;
    for (std::size_t j = 0; j < n; ++j)
      if (j != i) others.push_back(distance2(&training[i * dimensions], &training[j * dimensions]));
    std::sort(others.begin(), others.end());
    result.radius2.push_back(others[neighbours - 1]);
    for (std::size_t j = 0; j < m; ++j)
      if (distance2(&training[i * dimensions], &photometric[j * dimensions]) <= result.radius2[i]) {
        ++result.counts[i];
        ++result.inside[j];
      }
  }
  return result;
}

TEST(TrainingBalls, EqualTheDirectComputation) {
  for (const bool is_coarse : {false, true}) {
    const auto training = make_points(700, 1, 0.0, is_coarse), photometric = make_points(2000, 2, 0.4, is_coarse);
    const Direct expected = direct(training, photometric, 5);
    TrainingBalls balls(training, dimensions, 5, 1);
    std::vector<std::int32_t> inside(2000);
    balls.count(photometric, inside, 1);
    EXPECT_EQ(inside, expected.inside);
    EXPECT_TRUE(std::ranges::equal(balls.counts(), expected.counts));
    for (std::size_t i = 0; i < 700; ++i) ASSERT_EQ(balls.radius()[i], std::sqrt(expected.radius2[i]));
    const auto weights = balls.weights();
    const double sum = std::accumulate(expected.counts.begin(), expected.counts.end(), 0.0);
    for (std::size_t i = 0; i < 700; ++i) ASSERT_DOUBLE_EQ(weights[i], static_cast<double>(expected.counts[i]) / sum);
    EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 1.0, 1e-12);
    EXPECT_EQ(balls.covered(), 2000 - std::count(expected.inside.begin(), expected.inside.end(), 0));
  }
}

TEST(TrainingBalls, DoNotDependOnBlocksOrThreads) {
  const auto training = make_points(500, 3, 0.0), photometric = make_points(3000, 4, 0.2);
  TrainingBalls whole(training, dimensions, 5, 1), parts(training, dimensions, 5, 3);
  std::vector<std::int32_t> inside(3000), inside_parts(3000);
  whole.count(photometric, inside, 1);
  for (std::size_t begin = 0; begin < 3000; begin += 700) {
    const std::size_t end = std::min<std::size_t>(begin + 700, 3000);
    parts.count(std::span(photometric).subspan(begin * dimensions, (end - begin) * dimensions),
                std::span(inside_parts).subspan(begin, end - begin), 3);
  }
  EXPECT_EQ(inside, inside_parts);
  EXPECT_TRUE(std::ranges::equal(whole.counts(), parts.counts()));
  EXPECT_EQ(whole.counted(), parts.counted());
}

TEST(TrainingBalls, LeaveObjectsWithoutAllCoordinatesOut) {
  auto training = make_points(100, 5, 0.0), photometric = make_points(50, 6, 0.0);
  training[7 * dimensions + 2] = photometric[3 * dimensions] = std::nan("");
  TrainingBalls balls(training, dimensions, 5, 1);
  std::vector<std::int32_t> inside(50);
  balls.count(photometric, inside, 1);
  EXPECT_EQ(inside[3], -1);
  EXPECT_EQ(balls.counted(), 49);
  EXPECT_TRUE(std::isnan(balls.radius()[7]));
  EXPECT_EQ(balls.weights()[7], 0.0);
}

TEST(TrainingBalls, RefuseTooFewObjects) {
  const auto training = make_points(5, 7, 0.0);
  EXPECT_THROW(TrainingBalls(training, dimensions, 5, 1), DataError);
}

TEST(TrainingBalls, RecoverTheDistributionOfTheReference) {
  // Training uniform in 0..1, reference of density 2 x: weighted means of x must be those of the reference, 2/3.
  std::vector<double> training, reference;
  ObjectRandom random(8, 0);
  for (int i = 0; i < 2000; ++i) training.push_back(random.uniform());
  for (int i = 0; i < 20000; ++i) reference.push_back(std::sqrt(random.uniform()));
  TrainingBalls balls(training, 1, 5, 1);
  std::vector<std::int32_t> inside(reference.size());
  balls.count(reference, inside, 1);
  const auto weights = balls.weights();
  EXPECT_NEAR(std::inner_product(weights.begin(), weights.end(), training.begin(), 0.0), 2.0 / 3.0, 0.02);
}

TEST(WeightedSample, RepeatsObjectsByTheirWeight) {
  constexpr std::size_t n = 5000;
  std::vector<std::int64_t> id(n);
  std::iota(id.begin(), id.end(), 100);
  std::vector<double> weight(n);
  for (std::size_t i = 0; i < n; ++i) weight[i] = static_cast<double>(i) * 2.0 / (n * (n - 1.0));
  const auto copies = weighted_copies(id, weight, 20000.0, 9);
  for (std::size_t i = 0; i < n; ++i) {
    const double wanted = 20000.0 * weight[i];
    ASSERT_GE(copies[i], std::floor(wanted));
    ASSERT_LE(copies[i], std::floor(wanted) + 1);
  }
  EXPECT_NEAR(std::accumulate(copies.begin(), copies.end(), 0), 20000, 3.0 * std::sqrt(n / 6.0));
  EXPECT_EQ(copies, weighted_copies(id, weight, 20000.0, 9));
}

TEST(WeightedSample, SpreadsMagnitudesByTheirErrors) {
  std::vector<double> deviates;
  for (std::int64_t id = 0; id < 2000; ++id)
    for (std::int32_t copy = 0; copy < 5; ++copy) deviates.push_back((spread_magnitude(22.0, 0.3, 10, id, copy, 1) - 22.0) / 0.3);
  EXPECT_NEAR(median(deviates), 0.0, 0.04);
  EXPECT_NEAR(nmad(deviates), 1.0, 0.04);
  EXPECT_NE(spread_magnitude(22.0, 0.3, 10, 1, 0, 1), spread_magnitude(22.0, 0.3, 10, 1, 0, 2));
  EXPECT_NE(spread_magnitude(22.0, 0.3, 10, 1, 0, 1), spread_magnitude(22.0, 0.3, 10, 1, 1, 1));
  EXPECT_EQ(spread_magnitude(22.0, std::nan(""), 10, 1, 0, 1), 22.0);
  EXPECT_TRUE(std::isnan(spread_magnitude(std::nan(""), 0.1, 10, 1, 0, 1)));
}

}  // namespace
}  // namespace skyfold
