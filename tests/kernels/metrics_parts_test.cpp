#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <numeric>

#include "skyfold/core/error.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/validate/bootstrap.hpp"
#include "skyfold/kernels/validate/pdf_measures.hpp"
#include "skyfold/kernels/validate/subsets.hpp"
#include "skyfold/kernels/validate/weighted.hpp"

namespace skyfold::validation {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Sorted values with the sums that belong to their weights.
struct Weighted {
  std::vector<double> values, before{0.0};

  Weighted(std::vector<double> v, const std::vector<double>& weights) : values(std::move(v)) {
    for (const double weight : weights) before.push_back(before.back() + weight);
  }
  SortedWeights sorted() const { return {values, before}; }
};

/// Definition 2 of Hyndman & Fan, by counting.
double slow_quantile(const std::vector<double>& sorted, double p) {
  const double place = static_cast<double>(sorted.size()) * p;
  const auto whole = static_cast<std::size_t>(std::llround(place));
  if (std::abs(place - static_cast<double>(whole)) < 1e-9 && whole > 0 && whole < sorted.size())
    return 0.5 * (sorted[whole - 1] + sorted[whole]);
  return sorted[static_cast<std::size_t>(place)];
}

TEST(WeightedQuantile, OfWholeWeightsIsThatOfRepeatedValues) {
  for (std::uint64_t trial = 0; trial < 500; ++trial) {
    ObjectRandom random(1, trial);
    std::vector<double> values, weights, repeated;
    const std::size_t n = 1 + random.next() % 12;
    for (std::size_t i = 0; i < n; ++i) values.push_back(std::floor(8.0 * random.uniform()));  // with ties
    std::sort(values.begin(), values.end());
    for (std::size_t i = 0; i < n; ++i) {
      weights.push_back(random.next() % 4);
      repeated.insert(repeated.end(), static_cast<std::size_t>(weights.back()), values[i]);
    }
    const Weighted weighted(values, weights);
    if (repeated.empty()) {
      EXPECT_TRUE(std::isnan(quantile(weighted.sorted(), 0.5)));
      EXPECT_TRUE(std::isnan(median_deviation(weighted.sorted(), 0.0)));
      continue;
    }
    for (const double p : {0.15865, 0.25, 0.5, 0.75, 0.9}) EXPECT_EQ(quantile(weighted.sorted(), p), slow_quantile(repeated, p));
    const double centre = median(repeated);
    EXPECT_EQ(quantile(weighted.sorted(), 0.5), centre);
    EXPECT_EQ(1.4826 * median_deviation(weighted.sorted(), centre), nmad(repeated));
    for (const double limit : {0.0, 0.5, 1.0, 3.0}) {
      const auto beyond = std::count_if(repeated.begin(), repeated.end(), [&](double value) { return std::abs(value - centre) > limit; });
      EXPECT_DOUBLE_EQ(share_beyond(weighted.sorted(), centre, limit), static_cast<double>(beyond) / static_cast<double>(repeated.size()));
    }
  }
}

TEST(WeightedQuantile, SeesAnEqualShareThroughTheRoundingOfSums) {
  const Weighted weighted({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, std::vector<double>(6, 0.1));  // 0.1 + 0.1 + 0.1 > 0.3
  EXPECT_EQ(quantile(weighted.sorted(), 0.5), 3.5);
  EXPECT_EQ(median_deviation(weighted.sorted(), 3.5), 1.5);
}

TEST(PoissonCounts, FollowThePoissonDistributionOfMeanOne) {
  constexpr std::size_t n = 1'000'000;
  std::vector<std::uint64_t> keys(n);
  for (std::size_t i = 0; i < n; ++i) keys[i] = bootstrap_key(3, static_cast<std::int64_t>(i));
  std::vector<std::uint8_t> counts(n);
  poisson_counts(keys, 0, counts);
  std::map<int, double> seen;
  for (const std::uint8_t count : counts) ++seen[count];
  double probability = std::exp(-1.0);
  for (int k = 0; k < 8; ++k) {
    const double expected = static_cast<double>(n) * probability;
    EXPECT_NEAR(seen[k], expected, 5.0 * std::sqrt(expected)) << k;
    probability /= k + 1;
  }
  EXPECT_LT(seen.rbegin()->first, 15);
}

TEST(PoissonCounts, OfObjectsRealisationsAndSeedsAreIndependent) {
  constexpr std::size_t n = 200'000;
  const auto counts_of = [](std::uint64_t seed, std::int64_t first, std::uint64_t realisation) {
    std::vector<std::uint64_t> keys(n);
    for (std::size_t i = 0; i < n; ++i) keys[i] = bootstrap_key(seed, first + static_cast<std::int64_t>(i));
    std::vector<std::uint8_t> counts(n);
    poisson_counts(keys, realisation, counts);
    return counts;
  };
  const auto correlation = [](const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) sum += (a[i] - 1.0) * (b[i] - 1.0);
    return sum / n;
  };
  const auto counts = counts_of(1, 0, 0);
  const double noise = 5.0 / std::sqrt(n);
  EXPECT_NEAR(correlation(counts, counts), 1.0, 3.0 * noise);
  EXPECT_NEAR(correlation(counts, counts_of(1, 0, 1)), 0.0, noise);
  EXPECT_NEAR(correlation(counts, counts_of(1, 1, 0)), 0.0, noise);  // neighbouring ids
  EXPECT_NEAR(correlation(counts, counts_of(2, 0, 0)), 0.0, noise);
  EXPECT_NEAR(correlation(counts, counts_of(1, 1, 1)), 0.0, noise);
}

TEST(BootstrapError, LeavesOutRealisationsWithoutAValue) {
  EXPECT_DOUBLE_EQ(bootstrap_error(std::vector<double>{1.0, nan, 3.0, nan}), std::sqrt(2.0));
  EXPECT_TRUE(std::isnan(bootstrap_error(std::vector<double>{1.0, nan})));
}

/// A PDF on a grid, of one row.
Table grid_row(const std::vector<float>& values) {
  Table row({{pdf_column, Type::f4, values.size()}}, 1);
  std::ranges::copy(values, row[0].values<float>().begin());
  return row;
}

TEST(PdfMeasures, OfATriangleAreExact) {
  const Table triangle = grid_row({0.0f, 5.0f, 0.0f});  // unit integral after division by 5
  const auto pdf = make_redshift_pdf(triangle.schema(), {.kind = "interp", .zmin = 0.0, .zmax = 2.0, .bins = 3});
  ASSERT_TRUE(pdf->set(triangle, 0));
  const PdfMeasures m = measure(*pdf, 0.5, 1.0, 0.25);
  EXPECT_DOUBLE_EQ(m.pit, 0.125);
  EXPECT_DOUBLE_EQ(m.cde, 2.0 / 3.0 - 2.0 * 0.5);
  EXPECT_DOUBLE_EQ(m.odds, 0.75);  // 0.5 to 1.5
  EXPECT_EQ(measure(*pdf, -0.5, 1.0, 0.25).pit, 0.0);
  EXPECT_EQ(measure(*pdf, 2.5, 1.0, 0.25).pit, 1.0);
  EXPECT_DOUBLE_EQ(measure(*pdf, 2.5, 1.0, 0.25).cde, 2.0 / 3.0);
  EXPECT_EQ(measure(*pdf, 0.5, 7.0, 0.25).odds, 0.0);
}

TEST(PdfMeasures, AreTheClosedFormsOfAGaussian) {
  Table row({{pdf_means_column, Type::f4}, {pdf_stds_column, Type::f4}, {pdf_weights_column, Type::f4}}, 1);
  row[0].values<float>()[0] = 1.0f, row[1].values<float>()[0] = 0.125f, row[2].values<float>()[0] = 1.0f;
  const auto pdf = make_redshift_pdf(row.schema(), {.kind = "mixmod"});
  ASSERT_TRUE(pdf->set(row, 0));
  const PdfMeasures m = measure(*pdf, 1.125, 1.0, 0.0625);
  const auto cumulative = [](double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); };
  EXPECT_NEAR(m.pit, cumulative(1.0), 1e-9);
  EXPECT_NEAR(m.cde, 1.0 / (0.25 * std::sqrt(std::numbers::pi)) - 2.0 * std::exp(-0.5) / (0.125 * std::sqrt(2.0 * std::numbers::pi)), 1e-8);
  EXPECT_NEAR(m.odds, 2.0 * cumulative(1.0) - 1.0, 1e-9);
}

/// At steps that begin below, in and above the PDF; what is not set is 0 before, 1 behind.
void expect_cumulatives_at_steps(const RedshiftPdf& pdf) {
  for (const double low : {-1.0, 0.0, 0.5, 0.93, 5.0})
    for (const double step : {0.01, 0.25, 3.0}) {
      const RedshiftSteps steps{low, step, 41};
      std::vector<double> values(steps.count, nan);
      const auto [first, last] = pdf.cumulatives_at(steps, values);
      for (std::size_t k = 0; k < steps.count; ++k)
        EXPECT_NEAR(k < first ? 0.0 : k < last ? values[k] : 1.0, pdf.cumulative(steps.at(k)), 1e-8) << low << " + " << k << " " << step;
    }
}

TEST(PdfMeasures, CumulativesAtStepsAreThoseOfEachRedshift) {
  const Table grid = grid_row({0.0f, 0.0f, 5.0f, 0.0f, 1.0f, 0.0f, 0.0f});
  const auto linear = make_redshift_pdf(grid.schema(), {.kind = "interp", .zmin = 0.0, .zmax = 2.0, .bins = 7});
  ASSERT_TRUE(linear->set(grid, 0));
  expect_cumulatives_at_steps(*linear);
  Table row({{pdf_means_column, Type::f4, 3}, {pdf_stds_column, Type::f4, 3}, {pdf_weights_column, Type::f4, 3}}, 1);
  std::ranges::copy(std::vector{0.4f, 1.0f, 1.1f}, row[0].values<float>().begin());
  std::ranges::copy(std::vector{0.01f, 0.02f, 0.3f}, row[1].values<float>().begin());
  std::ranges::copy(std::vector{2.0f, 0.0f, 0.5f}, row[2].values<float>().begin());
  const auto mixture = make_redshift_pdf(row.schema(), {.kind = "mixmod"});
  ASSERT_TRUE(mixture->set(row, 0));
  expect_cumulatives_at_steps(*mixture);
}

TEST(PdfMeasures, AreNoneOfValuesThatAreNoDensity) {
  const float none = std::numeric_limits<float>::quiet_NaN();
  const PdfOptions grid{.kind = "interp", .zmin = 0.0, .zmax = 2.0, .bins = 3};
  for (const std::vector<float>& values :
       {std::vector<float>{0.0f, none, 0.0f}, {none, 1.0f, 1.0f}, {1.0f, 1.0f, none}, {0.0f, 0.0f, 0.0f}, {1.0f, -1e-3f, 1.0f}}) {
    const Table row = grid_row(values);
    EXPECT_FALSE(make_redshift_pdf(row.schema(), grid)->set(row, 0));
  }
  for (const std::vector<double>& points : {std::vector{0.0}, {0.0, 1.0, 1.0}, {0.0, nan, 1.0}, {0.0, 1.0}}) {
    Table meta({{"xvals", Type::f8, points.size()}}, 1);
    std::ranges::copy(points, meta[0].values<double>().begin());
    const Schema columns = {{pdf_column, Type::f4, points.size() == 2 ? 3 : points.size()}};
    EXPECT_THROW((void)make_redshift_pdf(columns, meta), DataError) << points.size();
  }
}

TEST(PdfMeasures, AreNoneWithoutGaussians) {
  Table row({{pdf_means_column, Type::f4}, {pdf_stds_column, Type::f4}, {pdf_weights_column, Type::f4}}, 1);
  row[2].values<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(make_redshift_pdf(row.schema(), {.kind = "mixmod"})->set(row, 0));
}

TEST(PitHistogram, CountsBothEndsAndLeavesOutWhatIsNone) {
  const PitHistogram h = pit_histogram(std::vector{0.0, 0.1, 0.5, 1.0, nan}, std::vector{1.0, 1.0, 1.0, 5.0, 100.0}, 2);
  EXPECT_EQ(h.n, 4u);
  EXPECT_EQ(h.share, (std::vector{0.25, 0.75}));
  EXPECT_DOUBLE_EQ(h.error[0], std::sqrt(0.25 * 0.75 / 4.0));
}

TEST(Bins, OfAWidthHaveTheEdgesThatTheyReport) {
  std::vector<double> values = {0.3, 0.1 * 3, 0.29999999999999993, -0.05, 0.7, 5.0, nan};
  std::vector<std::uint32_t> members(values.size());
  std::iota(members.begin(), members.end(), 0u);
  std::size_t objects = 0;
  for (const Bin& bin : bins_of_width(values, members, 0.1)) {
    EXPECT_FALSE(bin.members.empty());
    objects += bin.members.size();
    for (const std::uint32_t i : bin.members) EXPECT_TRUE(values[i] >= bin.low && values[i] < bin.high) << values[i];
  }
  EXPECT_EQ(objects, 6u);
}

TEST(Bins, OfEqualNumbersShareOutAllObjectsWithAValue) {
  std::vector<double> values;
  for (std::size_t i = 0; i < 103; ++i) values.push_back(static_cast<double>((i * 37) % 103));
  values.push_back(nan);
  std::vector<std::uint32_t> members(values.size());
  std::iota(members.begin(), members.end(), 0u);
  const std::vector<Bin> bins = bins_of_equal_numbers(values, members, 10);
  ASSERT_EQ(bins.size(), 10u);
  std::size_t objects = 0;
  for (const Bin& bin : bins) {
    EXPECT_NEAR(static_cast<double>(bin.members.size()), 10.3, 1.0);
    objects += bin.members.size();
  }
  EXPECT_EQ(objects, 103u);
  EXPECT_EQ(bins_of_equal_numbers(std::vector(5, 1.0), std::vector<std::uint32_t>{0, 1, 2, 3, 4}, 3).size(), 1u);
  EXPECT_TRUE(bins_of_equal_numbers(std::vector{nan}, std::vector<std::uint32_t>{0}, 3).empty());
}

TEST(Culling, TakesAwayTheLargestErrorsAndThoseWithoutFirst) {
  const std::vector<double> errors = {0.1, nan, 0.3, 0.2, 0.3, 0.05};
  const std::vector<std::uint32_t> members = {0, 1, 2, 3, 4, 5};
  EXPECT_EQ(without_largest(errors, members, 0.1), members);  // floor(0.6) = 0
  EXPECT_EQ(without_largest(errors, members, 0.2), (std::vector<std::uint32_t>{0, 2, 3, 4, 5}));
  EXPECT_EQ(without_largest(errors, members, 0.4), (std::vector<std::uint32_t>{0, 2, 3, 5}));
  EXPECT_TRUE(without_largest(errors, std::vector<std::uint32_t>{}, 0.5).empty());
}

}  // namespace
}  // namespace skyfold::validation
