#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../../neighbours/search.hpp"

namespace skyfold::knn {

/// Training objects as points in the space of standardised features.
struct TrainingRows {
  std::size_t n_rows = 0, n_features = 0;
  std::vector<std::int64_t> id;        ///< [n_rows]
  std::vector<double> z, weight;       ///< [n_rows] redshift; weight > 0
  std::vector<double> feature;         ///< [n_rows x n_features]; NaN where missing
  std::vector<std::uint64_t> present;  ///< [n_rows] bit f set: feature f is a number

  /// The rows of a list, in its order.
  [[nodiscard]] TrainingRows subset(std::span<const std::uint32_t> rows) const;
};

/// Bits of the first n features.
[[nodiscard]] constexpr std::uint64_t all_features(std::size_t n) noexcept {
  return n < 64 ? (std::uint64_t{1} << n) - 1 : ~std::uint64_t{0};
}

/// A squared distance between objects: (x - y)^T M (x - y) in standardised features.
///
/// Where features are missing the distance is the smallest one that any values of the missing ones would give: M is replaced by
/// its Schur complement. So a missing band never makes two objects seem farther apart than they can be.
class Metric {
 public:
  /// The Euclidean distance.
  explicit Metric(std::size_t n_features);
  /// @param matrix  symmetric, positive definite, row-major, shape [n_features x n_features]
  Metric(std::size_t n_features, std::vector<double> matrix) : n_(n_features), matrix_(std::move(matrix)) {}

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
[[nodiscard]] Metric learn_metric(const TrainingRows& rows, std::uint64_t seed, int threads);

/// Training objects that have all features of a mask, in the space where their distance is Euclidean.
class MaskIndex {
 public:
  MaskIndex(const TrainingRows& rows, const Metric& metric, std::uint64_t mask);

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

}  // namespace skyfold::knn
