// The neighbour tree and the errors that rest on it, against loops over all points.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "neighbours/search.hpp"
#include "photoz/common/nearest_errors.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Points whose coordinates are rounded, so that equal distances are common.
std::vector<double> rounded_points(std::size_t n, std::size_t dimensions, std::uint64_t seed, double step) {
  std::vector<double> points;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(seed, i);
    for (std::size_t k = 0; k < dimensions; ++k) points.push_back(step * std::round(random.normal() / step));
  }
  return points;
}

/// (distance^2, row) of all points, nearest first, over the coordinates that the query has; points need them, too.
std::vector<std::pair<double, std::uint32_t>> all_by_distance(const std::vector<double>& points, const double* query,
                                                              std::size_t dimensions) {
  std::vector<std::pair<double, std::uint32_t>> all;
  for (std::size_t i = 0; i < points.size() / dimensions; ++i) {
    double d2 = 0.0;
    for (std::size_t k = 0; k < dimensions; ++k)
      if (!std::isnan(query[k])) d2 += (points[i * dimensions + k] - query[k]) * (points[i * dimensions + k] - query[k]);
    if (!std::isnan(d2)) all.emplace_back(d2, static_cast<std::uint32_t>(i));
  }
  std::sort(all.begin(), all.end());
  return all;
}

TEST(Neighbours, AreThoseOfALoopOverAllPointsTiesToo) {
  for (const std::size_t dimensions : {1u, 3u, 7u})
    for (const std::size_t n : {1u, 31u, 33u, 700u}) {
      const std::vector<double> points = rounded_points(n, dimensions, 5, 0.5), queries = rounded_points(40, dimensions, 6, 0.25);
      std::vector<std::uint32_t> rows(n);
      for (std::size_t i = 0; i < n; ++i) rows[i] = static_cast<std::uint32_t>(i);
      const PointTree tree(points, dimensions, rows);
      NeighbourSearch search;
      for (std::size_t q = 0; q < 40; ++q)
        for (const std::size_t wanted : {1u, 10u, 100u, 1000u}) {
          const auto expected = all_by_distance(points, &queries[q * dimensions], dimensions);
          const auto found = search.find(tree, &queries[q * dimensions], wanted);
          ASSERT_EQ(found.size(), std::min(wanted, n));
          for (std::size_t i = 0; i < found.size(); ++i) {
            ASSERT_EQ(found[i].row, expected[i].second) << dimensions << " dimensions, " << n << " points, neighbour " << i;
            ASSERT_EQ(found[i].distance2, expected[i].first);
          }
        }
    }
}

TEST(QuantileInPlace, IsTheQuantileOfACopy) {
  std::vector<double> values;
  ObjectRandom random(3, 1);
  for (std::size_t n = 1; n < 120; n += 7) {
    while (values.size() < n) values.push_back(random.normal());
    for (const double p : {0.0, 0.16, 0.5, 0.68, 1.0}) {
      std::vector<double> copy = values;
      EXPECT_EQ(quantile_in_place(copy, p), quantile(values, p)) << n << " values, p " << p;
    }
  }
  EXPECT_TRUE(std::isnan(quantile_in_place({}, 0.5)));
}

/// Objects with features, some missing, and residuals of two estimators.
struct Known {
  std::vector<double> feature, residual;
};
Known known_objects(std::size_t n) {
  Known known{rounded_points(n, 3, 8, 1e-6), rounded_points(n, 2, 9, 1e-6)};
  for (std::size_t i = 0; i < n; i += 9) known.feature[i * 3 + 1] = nan;
  return known;
}

Features features_of(const std::vector<double>& value, std::size_t n_features) {
  Features features{value.size() / n_features, n_features, {value.begin(), value.end()}, {}};
  for (std::size_t i = 0; i < features.n_objects; ++i) {
    std::uint64_t mask = 0;
    for (std::size_t f = 0; f < n_features; ++f) mask |= std::uint64_t{!std::isnan(value[i * n_features + f])} << f;
    features.present.push_back(mask);
  }
  return features;
}

TEST(NearestNeighbourErrors, AreQuantilesOfTheResidualsOfTheNearest) {
  const Known known = known_objects(600);
  std::vector<double> queries = rounded_points(80, 3, 10, 1e-6);
  for (std::size_t i = 0; i < 80; i += 5) queries[i * 3 + 1] = nan;
  const NearestNeighbourErrors errors(3, known.feature, known.residual, 2);
  std::vector<double> absolute(160), width(160);
  const Features objects = features_of(queries, 3);
  errors.estimate(objects, NearestNeighbourErrors::Measure::absolute, absolute, 1);
  errors.estimate(objects, NearestNeighbourErrors::Measure::half_width, width, 3);
  for (std::size_t q = 0; q < 80; ++q) {
    const auto all = all_by_distance(known.feature, &queries[q * 3], 3);
    for (std::size_t e = 0; e < 2; ++e) {
      std::vector<double> residual, size;
      for (std::size_t i = 0; i < 100; ++i) {
        residual.push_back(known.residual[all[i].second * 2 + e]);
        size.push_back(std::abs(residual.back()));
      }
      ASSERT_EQ(absolute[q * 2 + e], quantile(size, 0.68)) << q;
      ASSERT_EQ(width[q * 2 + e], 0.5 * (quantile(residual, 0.84) - quantile(residual, 0.16))) << q;
    }
  }
}

TEST(NearestNeighbourErrors, GoThroughAModelAndDoNotDependOnBlocks) {
  Known known = known_objects(300);
  known.residual[7] = nan;  // of an object without an estimate
  const NearestNeighbourErrors errors(3, known.feature, known.residual, 2, 20), again(errors.table(), 20);
  EXPECT_EQ(errors.table().rows(), 299u);
  const std::vector<double> queries = rounded_points(50, 3, 11, 1e-6);
  std::vector<double> whole(100), parts;
  errors.estimate(features_of(queries, 3), NearestNeighbourErrors::Measure::absolute, whole, 2);
  for (std::size_t i = 0; i < 50; ++i) {
    std::vector<double> one(2);
    again.estimate(
        features_of({queries.begin() + static_cast<std::ptrdiff_t>(i * 3), queries.begin() + static_cast<std::ptrdiff_t>(i * 3 + 3)}, 3),
        NearestNeighbourErrors::Measure::absolute, one, 1);
    parts.insert(parts.end(), one.begin(), one.end());
  }
  EXPECT_EQ(parts, whole);
}

TEST(PlaneCells, AreLinesByLeastSquaresWithinTheValuesOfTheirPoints) {
  constexpr std::size_t n = 30;  // one cell
  FeatureRows rows;
  rows.n_features = 1;
  rows.n_rows = n;
  const std::vector<double> x = rounded_points(n, 1, 21, 1e-6), y = rounded_points(n, 2, 22, 1e-6);
  rows.feature = {x.begin(), x.end()};
  rows.mark_present();
  const PlaneCells cells(std::make_shared<const FeatureIndex>(rows, FeatureMetric(1), 1), rows, 2, [&](const double* place, double* value) {
    const auto i = static_cast<std::size_t>(std::find(x.begin(), x.end(), *place) - x.begin());
    std::copy_n(&y[2 * i], 2, value);
  });
  for (const double query : {-9.0, -0.4, 0.1, 0.7, 12.0}) {
    double value[2];
    cells.evaluate(&query, value);
    for (std::size_t k = 0; k < 2; ++k) {
      double mean_x = 0.0, mean = 0.0, xx = 0.0, xy = 0.0, least = y[k], greatest = y[k];
      for (std::size_t i = 0; i < n; ++i) mean_x += x[i] / n, mean += y[2 * i + k] / n;
      for (std::size_t i = 0; i < n; ++i) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        xy += (x[i] - mean_x) * y[2 * i + k];
        least = std::min(least, y[2 * i + k]), greatest = std::max(greatest, y[2 * i + k]);
      }
      EXPECT_NEAR(value[k], std::clamp(mean + xy / (1.01 * xx) * (query - mean_x), least, greatest), 1e-9) << query;
    }
  }
}

TEST(NearestNeighbourErrors, ByCellAreNearThoseOfASearchAndDoNotDependOnBlocks) {
  constexpr std::size_t n = 2000;
  const std::vector<double> places = rounded_points(n, 3, 31, 1e-6);
  std::vector<double> residual = rounded_points(n, 2, 32, 1e-6);
  // Errors that grow by a factor of seven per unit along a diagonal.
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t e = 0; e < 2; ++e) residual[2 * i + e] *= std::exp(places[3 * i] + places[3 * i + 1]);
  const NearestNeighbourErrors errors(3, places, residual, 2);
  const std::vector<double> queries = rounded_points(300, 3, 33, 1e-6);
  for (const auto measure : {NearestNeighbourErrors::Measure::absolute, NearestNeighbourErrors::Measure::half_width}) {
    std::vector<double> exact(600), by_cell(600), one(2);
    errors.estimate(features_of(queries, 3), measure, exact, 1);
    errors.estimate_by_cell(features_of(queries, 3), measure, by_cell, 1);
    double square = 0.0, bias = 0.0;
    for (std::size_t i = 0; i < 600; ++i) {
      const double difference = std::log(by_cell[i] / exact[i]);
      bias += difference / 600, square += difference * difference / 600;
    }
    EXPECT_LT(std::abs(bias), 0.02);
    EXPECT_LT(std::sqrt(square), 0.12);  // 0.1: the noise of a quantile of 100 residuals
    for (std::size_t i = 0; i < 300; i += 50) {
      errors.estimate_by_cell(
          features_of({queries.begin() + static_cast<std::ptrdiff_t>(3 * i), queries.begin() + static_cast<std::ptrdiff_t>(3 * i + 3)}, 3),
          measure, one, 1);
      EXPECT_EQ(one[0], by_cell[2 * i]);
      EXPECT_EQ(one[1], by_cell[2 * i + 1]);
    }
  }
}

TEST(NearestNeighbourErrors, AreMissingWhereNothingIsKnown) {
  const Known known = known_objects(50);
  const NearestNeighbourErrors errors(3, known.feature, known.residual, 2);
  std::vector<double> error(2, 1.0);
  errors.estimate(features_of({nan, nan, nan}, 3), NearestNeighbourErrors::Measure::absolute, error, 1);
  EXPECT_TRUE(std::isnan(error[0]) && std::isnan(error[1]));
  EXPECT_THROW(NearestNeighbourErrors(3, known.feature, std::vector<double>(100, nan), 2), DataError);
}

}  // namespace
}  // namespace skyfold
