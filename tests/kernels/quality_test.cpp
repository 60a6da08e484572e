#include "skyfold/kernels/validate/quality.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/validate/metrics.hpp"

namespace skyfold {
namespace {

struct Sample {
  QualitySums sums;
  std::vector<double> dz;
  std::int64_t outliers = 0, within = 0;

  void add(double z_phot, double z_spec, double z_err) {
    sums.add(z_phot, z_spec, z_err);
    dz.push_back((z_phot - z_spec) / (1.0 + z_spec));
    outliers += std::abs(dz.back()) > 0.15;
    within += std::abs(z_phot - z_spec) <= z_err;
  }
};

/// A survey with a bias, a Gaussian core and some catastrophic outliers.
Sample survey(int objects, std::uint64_t seed) {
  Sample sample;
  ObjectRandom random(seed, 0);
  for (int i = 0; i < objects; ++i) {
    const double z = 2.0 * random.uniform();
    const double error = random.uniform() < 0.05 ? random.uniform() : 0.03 * random.normal() + 0.01;
    sample.add(z + (1.0 + z) * error, z, 0.05);
  }
  return sample;
}

class Quality : public testing::TestWithParam<int> {};

TEST_P(Quality, IsThatOfTheSortedValues) {
  const Sample sample = survey(GetParam(), 3);
  const PhotozQuality quality = sample.sums.quality();
  EXPECT_EQ(quality.objects, GetParam());
  EXPECT_NEAR(quality.bias, median(sample.dz), 2e-5);
  EXPECT_NEAR(quality.nmad, nmad(sample.dz), 2e-5);
  EXPECT_DOUBLE_EQ(quality.outliers, static_cast<double>(sample.outliers) / GetParam());
  EXPECT_DOUBLE_EQ(quality.within_error, static_cast<double>(sample.within) / GetParam());
}
// Odd numbers: between the two middle values of an even one the histogram takes the lower.
INSTANTIATE_TEST_SUITE_P(Sizes, Quality, testing::Values(1, 101, 10'001, 200'001));

/// The line at the end of photoz and the metrics of validate have the same definitions.
TEST_P(Quality, IsThatOfTheExactMetricsWithinItsBins) {
  if (GetParam() < 2) return;  // metrics need two objects
  using validation::Metric;
  validation::Objects objects;
  QualitySums sums;
  ObjectRandom random(7, 1);
  for (int i = 0; i < GetParam(); ++i) {
    const double z = 2.0 * random.uniform();
    objects.z_spec.push_back(z);
    objects.z_phot.push_back(z + (1.0 + z) * (random.uniform() < 0.05 ? random.uniform() : 0.03 * random.normal() + 0.01));
    objects.z_err.push_back(i % 3 == 1 ? std::nan("") : 0.05);
    sums.add(objects.z_phot.back(), z, objects.z_err.back());
  }
  std::vector<std::uint32_t> all(objects.size());
  std::iota(all.begin(), all.end(), 0U);
  validation::MetricSet::Scratch scratch;
  const validation::Metrics exact = validation::MetricSet(objects, all, {}).measure(scratch);
  const auto metric = [&](Metric which) { return exact[static_cast<std::size_t>(which)]; };
  const PhotozQuality quality = sums.quality();
  EXPECT_NEAR(quality.bias, metric(Metric::median_scaled), 2e-5);
  EXPECT_NEAR(quality.nmad, metric(Metric::nmad), 2e-5);
  EXPECT_NEAR(quality.outliers, metric(Metric::out_015), 1e-12);
  EXPECT_NEAR(quality.within_error, metric(Metric::within_err), 1e-12);
}

TEST(QualityOfNothing, IsZero) { EXPECT_EQ(QualitySums().quality().objects, 0); }

TEST(QualitySums, IgnoreObjectsWithoutARedshift) {
  QualitySums sums;
  sums.add(std::nan(""), 0.5, 0.1);
  sums.add(0.5, std::nan(""), 0.1);
  EXPECT_EQ(sums.quality().objects, 0);
}

TEST(QualitySums, AddUpOverRanks) {
  Sample whole = survey(1000, 5), a = survey(1000, 5), b = survey(500, 6);
  const auto more = b.sums.counts();
  auto sum = a.sums.counts();
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
  EXPECT_EQ(a.sums.quality().objects, 1500);
  whole.dz.insert(whole.dz.end(), b.dz.begin(), b.dz.end());
  EXPECT_NEAR(a.sums.quality().outliers, static_cast<double>(whole.outliers + b.outliers) / 1500.0, 1e-12);
}

TEST(QualitySums, KeepWildValuesAsOutliers) {
  QualitySums sums;
  for (const double wild : {1e9, -1e9, double{INFINITY}}) sums.add(wild, 0.5, 0.1);
  EXPECT_EQ(sums.quality().outliers, 1.0);
}

TEST(QualityOfTwoObjects, IsTheMeanOfTheMiddleValues) {
  Sample sample;
  sample.add(1.0, 1.0, 0.1);
  sample.add(1.2, 1.0, 0.1);
  EXPECT_NEAR(sample.sums.quality().bias, 0.05, 2e-5);
  EXPECT_NEAR(sample.sums.quality().nmad, 1.4826 * 0.05, 2e-5);
}

}  // namespace
}  // namespace skyfold
