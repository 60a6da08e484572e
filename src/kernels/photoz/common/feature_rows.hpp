#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../../neighbours/search.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

class FeatureLayer;

/// Training objects as points in the space of standardised features.
struct FeatureRows {
  std::size_t n_rows = 0, n_features = 0;
  std::vector<std::int64_t> id;        ///< [n_rows]
  std::vector<double> z, weight;       ///< [n_rows] redshift; weight > 0
  std::vector<double> feature;         ///< [n_rows x n_features]; NaN where missing
  std::vector<std::uint64_t> present;  ///< [n_rows] bit f set: feature f is a number

  /// Sets `present` by what is a number: model files have no masks.
  void mark_present();
  /// The rows of a list, in its order.
  [[nodiscard]] FeatureRows subset(std::span<const std::uint32_t> rows) const;
};

/// The objects of a training set that have a feature and a weight above 0; weights are scaled to the mean 1.
/// Throws DataError for a redshift that is no number.
[[nodiscard]] FeatureRows feature_rows(const TrainingSet& set, const FeatureLayer& layer);
/// Rows as a table of a model (id, z, weight, feature), and back.
[[nodiscard]] Table rows_table(const FeatureRows& rows);
[[nodiscard]] FeatureRows feature_rows(const Table& table);

/// Bits of the first n features.
[[nodiscard]] constexpr std::uint64_t all_features(std::size_t n) noexcept {
  return n < 64 ? (std::uint64_t{1} << n) - 1 : ~std::uint64_t{0};
}

/// A squared distance between objects: (x - y)^T M (x - y) in standardised features.
///
/// Where features are missing the distance is the smallest one that any values of the missing ones would give: M is replaced by
/// its Schur complement. So a missing band never makes two objects seem farther apart than they can be.
class FeatureMetric {
 public:
  /// The Euclidean distance.
  explicit FeatureMetric(std::size_t n_features);
  /// @param matrix  symmetric, positive definite, row-major, shape [n_features x n_features]
  FeatureMetric(std::size_t n_features, std::vector<double> matrix) : n_(n_features), matrix_(std::move(matrix)) {}

  [[nodiscard]] std::size_t size() const noexcept { return n_; }
  [[nodiscard]] const std::vector<double>& matrix() const noexcept { return matrix_; }
  /// The map that makes the distance Euclidean: y = A x, for the features of `mask` in their order; A is upper triangular,
  /// row-major, shape [m x m] for m features.
  [[nodiscard]] std::vector<double> embedding(std::uint64_t mask) const;

 private:
  std::size_t n_;
  std::vector<double> matrix_;
};

/// Learns the metric in which redshifts change equally in all directions: the mean outer product of the gradients of z / (1 + z)
/// with respect to the features, from local linear fits around up to 20,000 objects (drawn by id; the steepest 5 % are left
/// out), with 1 % of the Euclidean metric added, found twice: the second time with neighbours by the first metric. The trace is
/// the number of features. The idea of an average gradient outer product: Hristache et al. 2001, Ann. Stat. 29, 1537.
///
/// Needs at least 100 objects with all features; with fewer, or without any trend, it is the Euclidean metric.
[[nodiscard]] FeatureMetric learn_metric(const FeatureRows& rows, std::uint64_t seed, int threads);

/// Training objects that have all features of a mask, in the space where their distance is Euclidean.
class FeatureIndex {
 public:
  FeatureIndex(const FeatureRows& rows, const FeatureMetric& metric, std::uint64_t mask);

  [[nodiscard]] const PointTree& tree() const noexcept { return *tree_; }
  [[nodiscard]] std::size_t dimensions() const noexcept { return features_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return tree_->bytes(); }
  /// The place of an object.
  /// @param feature  all its features, shape [n_features]; those of the mask are numbers
  /// @param place    filled, shape [dimensions]
  void embed(const double* feature, double* place) const noexcept;

 private:
  std::vector<std::uint32_t> features_;
  std::vector<double> embedding_;
  std::unique_ptr<PointTree> tree_;
};

/// How far the training objects lie apart.
struct Spacing {
  double median = 0.0;        ///< of the distances of training objects to their nearest other one
  double percentile99 = 0.0;  ///< NaN with fewer than two objects that have all features
};
/// Of up to 20,000 objects with all features, drawn by id.
[[nodiscard]] Spacing measure_spacing(const FeatureRows& rows, const FeatureMetric& metric, std::uint64_t seed, int threads);

/// Tables of a model: columns `matrix`; `median` and `percentile99`.
[[nodiscard]] Table metric_table(const FeatureMetric& metric);
[[nodiscard]] Table spacing_table(const Spacing& spacing);

}  // namespace skyfold
