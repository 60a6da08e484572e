#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <numeric>

#include "photoz_objects.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/photoz/flags.hpp"
#include "skyfold/table/features.hpp"

// Models, estimates and the definition by brute force for the tests of knn.
namespace skyfold::knn_test {

using dnf_test::make_objects;
using dnf_test::Objects;
inline constexpr double nan = dnf_test::nan, not_observed = dnf_test::not_observed;

inline PhotozModel train_knn(const Objects& objects, const std::vector<std::string>& arguments, std::vector<double> weight = {},
                             int threads = 1) {
  return photoz_test::train("knn", objects, arguments, std::move(weight), threads);
}
using photoz_test::estimate;

inline const std::vector<std::string> plain = {"--knn.metric=standard", "--knn.neighbours=7", "--knn.sigma=0.03"};

/// The definition by brute force, in the metric of the model.
struct Reference {
  std::vector<std::size_t> rows;
  std::vector<double> distance, z, weight;
  double sigma = 0.0;

  double density(double x) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i)
      sum += weight[i] * std::exp(-0.5 * std::pow((x - z[i]) / sigma, 2)) / (sigma * std::sqrt(2.0 * std::numbers::pi));
    return sum;
  }
  double cumulative(double x) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i) sum += weight[i] * 0.5 * std::erfc((z[i] - x) / (sigma * std::numbers::sqrt2));
    return sum;
  }
};

inline Reference brute_force(const PhotozModel& model, const std::vector<double>& query, std::size_t neighbours, double sigma,
                             double scatter) {
  const Table& training = model.tables.at("training");
  const auto feature = training.at("feature").values<double>();
  const std::size_t p = query.size();
  const auto matrix = model.tables.at("metric").at("matrix").values<double>();
  std::vector<std::pair<double, std::size_t>> all;
  for (std::size_t row = 0; row < training.rows(); ++row) {
    double d2 = 0.0;
    for (std::size_t i = 0; i < p; ++i)
      for (std::size_t j = 0; j < p; ++j) d2 += (query[i] - feature[row * p + i]) * matrix[i * p + j] * (query[j] - feature[row * p + j]);
    all.emplace_back(d2, row);
  }
  std::sort(all.begin(), all.end());
  Reference r;
  const double floor = 0.01 * model.tables.at("spacing").at("median").number(0);
  for (std::size_t k = 0; k < neighbours; ++k) {
    r.rows.push_back(all[k].second);
    r.distance.push_back(std::sqrt(all[k].first));
    r.z.push_back(training.at("z").number(all[k].second));
    r.weight.push_back(training.at("weight").number(all[k].second) / std::max(r.distance.back(), floor));
  }
  const double sum = std::accumulate(r.weight.begin(), r.weight.end(), 0.0);
  for (double& w : r.weight) w /= sum;
  const double spread = (quantile(r.z, 0.75) - quantile(r.z, 0.25)) / 1.349;
  r.sigma = std::sqrt(sigma * sigma + scatter * scatter * spread * spread);
  return r;
}

/// Standardised features of a query, by the layer's table.
inline std::vector<double> features_of(const PhotozModel& model, const std::vector<double>& mag) {
  const Table& layer = model.tables.at("features");
  std::vector<double> x;
  for (std::size_t b = 0; b + 1 < mag.size(); ++b) x.push_back(mag[b] - mag[b + 1]);
  x.push_back(mag[mag.size() / 2]);
  for (std::size_t f = 0; f < x.size(); ++f) x[f] = (x[f] - layer.at("mean").number(f)) / layer.at("deviation").number(f);
  return x;
}

}  // namespace skyfold::knn_test
