#include "skyfold/core/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

using Values = std::vector<double>;

TEST(Quantile, InterpolatesLinearlyBetweenOrderStatistics) {
  const Values values = {40, 10, 30, 20};  // numpy.quantile([10, 20, 30, 40], ...)
  EXPECT_DOUBLE_EQ(quantile(values, 0.0), 10.0);
  EXPECT_DOUBLE_EQ(quantile(values, 0.25), 17.5);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 25.0);
  EXPECT_DOUBLE_EQ(quantile(values, 0.9), 37.0);
  EXPECT_DOUBLE_EQ(quantile(values, 1.0), 40.0);
}

TEST(Quantile, OfTheFirstWholeNumbersIsLinearInP) {
  Values values(101);
  std::iota(values.rbegin(), values.rend(), 0.0);
  for (int percent = 0; percent <= 100; ++percent) EXPECT_NEAR(quantile(values, percent / 100.0), percent, 1e-12);
}

TEST(Quantile, OfNoValuesIsNotANumber) {
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
  EXPECT_TRUE(std::isnan(nmad({})));
}

TEST(Quantile, OfOneValueIsThatValue) {
  for (const double p : {0.0, 0.3, 1.0}) EXPECT_EQ(quantile(Values{7.0}, p), 7.0);
}

TEST(Nmad, IsTheScaledMedianDeviation) {
  EXPECT_DOUBLE_EQ(nmad(Values{1, 1, 2, 2, 4, 6, 9}), 1.4826);  // median 2; deviations 0 0 1 1 2 4 7
}

TEST(Nmad, OfAGaussianIsItsStandardDeviationWhateverTheOutliers) {
  ObjectRandom random(1, 0);
  Values values(100'000);
  for (double& value : values) value = 5.0 + 3.0 * random.normal();
  EXPECT_NEAR(nmad(values), 3.0, 0.05);
  for (std::size_t i = 0; i < 100; ++i) values[i] = 1e9;
  EXPECT_NEAR(nmad(values), 3.0, 0.05);
}

}  // namespace
}  // namespace skyfold
