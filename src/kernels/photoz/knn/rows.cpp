// Training objects as points: a metric is a change of coordinates in which distances are Euclidean, one for each combination of
// features that are there.
#include "rows.hpp"

#include <Eigen/Dense>
#include <algorithm>

namespace skyfold::knn {

TrainingRows TrainingRows::subset(std::span<const std::uint32_t> rows) const {
  TrainingRows part;
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

Metric::Metric(std::size_t n_features) : n_(n_features), matrix_(n_features * n_features, 0.0) {
  for (std::size_t f = 0; f < n_; ++f) matrix_[f * n_ + f] = 1.0;
}

std::vector<double> Metric::embedding(std::uint64_t mask) const {
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

MaskIndex::MaskIndex(const TrainingRows& rows, const Metric& metric, std::uint64_t mask) : embedding_(metric.embedding(mask)) {
  for (std::uint32_t f = 0; f < rows.n_features; ++f)
    if (mask >> f & 1) features_.push_back(f);
  std::vector<std::uint32_t> list;
  for (std::uint32_t i = 0; i < rows.n_rows; ++i)
    if ((rows.present[i] & mask) == mask) list.push_back(i);
  std::vector<double> points(list.size() * dimensions());
  for (std::size_t i = 0; i < list.size(); ++i) embed(&rows.feature[list[i] * rows.n_features], points.data() + i * dimensions());
  tree_ = std::make_unique<PointTree>(points, dimensions(), list);
}

void MaskIndex::embed(const double* feature, double* place) const noexcept {
  const std::size_t n = dimensions();
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0.0;
    for (std::size_t j = i; j < n; ++j) sum += embedding_[i * n + j] * feature[features_[j]];
    place[i] = sum;
  }
}

}  // namespace skyfold::knn
