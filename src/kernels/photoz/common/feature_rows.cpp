// Training objects as points: a metric is a change of coordinates in which distances are Euclidean, one for each combination of
// features that are there.
#include "feature_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../common/eigen.hpp"
#include "model.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/table/features.hpp"

namespace skyfold {
namespace {

constexpr std::size_t most_spaced = 20'000;
constexpr std::uint32_t spacing_stream = 0x6b6e6e03;

}  // namespace

FeatureRows FeatureRows::subset(std::span<const std::uint32_t> rows) const {
  FeatureRows part;
  part.n_rows = rows.size();
  part.n_features = n_features;
  for (const std::uint32_t row : rows) {
    part.id.push_back(id[row]);
    part.z.push_back(z[row]);
    part.weight.push_back(weight[row]);
    part.present.push_back(present[row]);
    const auto first = feature.begin() + static_cast<std::ptrdiff_t>(row * n_features);
    part.feature.insert(part.feature.end(), first, first + static_cast<std::ptrdiff_t>(n_features));
  }
  return part;
}

FeatureRows feature_rows(const TrainingSet& set, const FeatureLayer& layer) {
  check_redshifts(set);
  Features features;
  layer.gather(set.photometry, features);
  FeatureRows all;
  all.n_rows = set.z.size();
  all.n_features = layer.size();
  all.id = set.id;
  all.z = set.z;
  all.feature.assign(features.value.begin(), features.value.end());
  all.present.assign(features.present.begin(), features.present.end());
  all.weight = set.weight.empty() ? std::vector<double>(all.n_rows, 1.0) : set.weight;
  double sum = 0.0;
  std::vector<std::uint32_t> used;
  for (std::uint32_t i = 0; i < all.n_rows; ++i) {
    // Such an object could be a neighbour of none, or count for nothing.
    if (all.present[i] == 0 || !(all.weight[i] > 0.0)) continue;
    used.push_back(i);
    sum += all.weight[i];
  }
  FeatureRows rows = all.subset(used);
  // Mean 1: losses and metric then do not depend on how the weights were scaled.
  for (double& weight : rows.weight) weight *= static_cast<double>(rows.n_rows) / sum;
  return rows;
}

FeatureRows feature_rows(const Table& table) {
  FeatureRows rows;
  rows.n_rows = table.rows();
  rows.n_features = table.at("feature").info().width;
  rows.id = values_of<std::int64_t>(table, "id");
  rows.z = values_of<double>(table, "z");
  rows.weight = values_of<double>(table, "weight");
  rows.feature = values_of<double>(table, "feature");
  rows.mark_present();
  return rows;
}

void FeatureRows::mark_present() {
  present.assign(n_rows, 0);
  for (std::size_t i = 0; i < n_rows; ++i)
    for (std::size_t f = 0; f < n_features; ++f) present[i] |= std::uint64_t{!std::isnan(feature[i * n_features + f])} << f;
}

Table rows_table(const FeatureRows& rows) {
  Table table;
  add_values(table, {"id", Type::i8, 1, "", "meta.id", "identifier", ""}, rows.id);
  add_values(table, {"z", Type::f8, 1, "", "src.redshift", "spectroscopic redshift", ""}, rows.z);
  add_values(table, {"weight", Type::f8, 1, "", "stat.weight", "weight of the object, mean 1", ""}, rows.weight);
  add_values(table, {"feature", Type::f8, rows.n_features, "", "", "standardised features; NaN where missing", ""}, rows.feature);
  return table;
}

Table metric_table(const FeatureMetric& metric) {
  Table table;
  add_values(table, {"matrix", Type::f8, metric.size(), "", "", "row of the metric in standardised features", ""}, metric.matrix());
  return table;
}

Table spacing_table(const Spacing& spacing) {
  Table table;
  add_values(table, {"median", Type::f8, 1, "", "arith.diff", "median distance of training objects to their nearest", ""},
             std::span(&spacing.median, 1));
  add_values(table, {"percentile99", Type::f8, 1, "", "arith.diff", "99th percentile of these distances", ""},
             std::span(&spacing.percentile99, 1));
  return table;
}

FeatureMetric::FeatureMetric(std::size_t n_features) : n_(n_features), matrix_(n_features * n_features, 0.0) {
  for (std::size_t f = 0; f < n_; ++f) matrix_[f * n_ + f] = 1.0;
}

std::vector<double> FeatureMetric::embedding(std::uint64_t mask) const {
  std::vector<Eigen::Index> in, out;
  for (std::size_t f = 0; f < n_; ++f) (mask >> f & 1 ? in : out).push_back(static_cast<Eigen::Index>(f));
  const auto n = static_cast<Eigen::Index>(n_);
  const Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> m(matrix_.data(), n, n);
  Eigen::MatrixXd part = m(in, in);
  if (!out.empty() && !in.empty()) {
    const Eigen::MatrixXd between = m(out, in), rest = m(out, out);
    // The Schur complement: missing features take the values that make the distance smallest.
    part -= between.transpose() * rest.ldlt().solve(between);
  }
  // M = U^T U, so |U x|^2 is the distance, and U has half the products.
  const Eigen::MatrixXd upper = part.llt().matrixU();
  std::vector<double> embedding(in.size() * in.size(), 0.0);
  for (std::size_t i = 0; i < in.size(); ++i)
    for (std::size_t j = i; j < in.size(); ++j)
      embedding[i * in.size() + j] = upper(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
  return embedding;
}

FeatureIndex::FeatureIndex(const FeatureRows& rows, const FeatureMetric& metric, std::uint64_t mask) : embedding_(metric.embedding(mask)) {
  for (std::uint32_t f = 0; f < rows.n_features; ++f)
    if (mask >> f & 1) features_.push_back(f);
  std::vector<std::uint32_t> list;
  for (std::uint32_t i = 0; i < rows.n_rows; ++i)
    if ((rows.present[i] & mask) == mask) list.push_back(i);
  std::vector<double> points(list.size() * dimensions());
  for (std::size_t i = 0; i < list.size(); ++i) embed(&rows.feature[list[i] * rows.n_features], points.data() + i * dimensions());
  tree_ = std::make_unique<PointTree>(points, dimensions(), list);
}

void FeatureIndex::embed(const double* feature, double* place) const noexcept {
  const std::size_t n = dimensions();
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0.0;
    for (std::size_t j = i; j < n; ++j) sum += embedding_[i * n + j] * feature[features_[j]];
    place[i] = sum;
  }
}

Spacing measure_spacing(const FeatureRows& rows, const FeatureMetric& metric, std::uint64_t seed, int threads) {
  const std::uint64_t all = all_features(rows.n_features);
  const FeatureIndex index(rows, metric, all);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (index.tree().size() < 2) return {0.0, nan};
  std::vector<std::pair<double, std::uint32_t>> draws;
  for (std::uint32_t i = 0; i < rows.n_rows; ++i)
    if (rows.present[i] == all) draws.emplace_back(ObjectRandom(seed, static_cast<std::uint64_t>(rows.id[i]), spacing_stream).uniform(), i);
  std::sort(draws.begin(), draws.end());
  draws.resize(std::min(draws.size(), most_spaced));
  std::vector<double> distance(draws.size());
  std::vector<NeighbourSearch> searches(static_cast<std::size_t>(threads));
  parallel_for(draws.size(), 256, threads, [&](std::size_t begin, std::size_t end, int thread) {
    std::vector<double> place(index.dimensions());
    for (std::size_t i = begin; i < end; ++i) {
      index.embed(&rows.feature[draws[i].second * rows.n_features], place.data());
      const auto nearest = searches[static_cast<std::size_t>(thread)].find(index.tree(), place.data(), 2);
      // The nearest is the object itself, unless another one is at the same place and has a smaller row.
      distance[i] = std::sqrt(nearest[nearest[0].row == draws[i].second ? 1 : 0].distance2);
    }
  });
  return {median(distance), quantile(distance, 0.99)};
}

}  // namespace skyfold
