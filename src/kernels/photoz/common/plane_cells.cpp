// Planes by least squares through the points of each cell. With few points, or points that do not span all dimensions, a ridge keeps
// the slopes down.
#include "plane_cells.hpp"

#include <algorithm>

#include "../../common/eigen.hpp"

namespace skyfold {
namespace {

constexpr double ridge = 0.01;  // of the mean square of a dimension

}  // namespace

PlaneCells::PlaneCells(std::shared_ptr<const FeatureIndex> index, const FeatureRows& rows, std::size_t n_values,
                       const std::function<void(const double*, double*)>& values)
    : index_(std::move(index)), n_values_(n_values) {
  const std::size_t leaves = index_->tree().leaves();
  const auto d = static_cast<Eigen::Index>(index_->dimensions()), v = static_cast<Eigen::Index>(n_values);
  Eigen::MatrixXd place(d, 0), value(v, 0);
  for (std::size_t leaf = 0; leaf < leaves; ++leaf) {
    const auto points = index_->tree().rows_of(leaf);
    place.resize(d, std::ssize(points));
    value.resize(v, std::ssize(points));
    for (Eigen::Index i = 0; i < place.cols(); ++i) {
      index_->embed(&rows.feature[points[static_cast<std::size_t>(i)] * rows.n_features], &place(0, i));
      values(&place(0, i), &value(0, i));
    }
    const Eigen::VectorXd centre = place.rowwise().mean(), constant = value.rowwise().mean();
    const Eigen::MatrixXd offset = place.colwise() - centre, rest = value.colwise() - constant;
    Eigen::MatrixXd square = offset * offset.transpose();
    square.diagonal().array() += ridge * square.trace() / static_cast<double>(d) + 1e-300;
    const Eigen::MatrixXd slope = square.ldlt().solve(offset * rest.transpose());  // [dimensions x values]
    centre_.insert(centre_.end(), centre.begin(), centre.end());
    slope_.insert(slope_.end(), slope.reshaped().begin(), slope.reshaped().end());
    for (Eigen::Index k = 0; k < v; ++k) line_.push_back({constant(k), value.row(k).minCoeff(), value.row(k).maxCoeff()});
  }
}

std::size_t PlaneCells::bytes() const noexcept {
  return index_->bytes() + (centre_.size() + slope_.size()) * sizeof(double) + line_.size() * sizeof(Line);
}

void PlaneCells::evaluate(const double* place, double* value) const noexcept {
  const std::size_t leaf = index_->tree().leaf_of(place), d = index_->dimensions();
  const double* centre = &centre_[leaf * d];
  for (std::size_t k = leaf * n_values_; k < (leaf + 1) * n_values_; ++k) {
    double at = line_[k].constant;
    for (std::size_t i = 0; i < d; ++i) at += slope_[k * d + i] * (place[i] - centre[i]);
    *value++ = std::clamp(at, line_[k].least, line_[k].greatest);
  }
}

}  // namespace skyfold
