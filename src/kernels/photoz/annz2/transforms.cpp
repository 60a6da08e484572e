// What the models of annz2 see of the inputs: as they are, in the range [-1, 1], or as principal components.
#include "transforms.hpp"

#include <algorithm>
#include <cmath>

#include "../../common/eigen.hpp"
#include "../common/model.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::annz2 {
namespace {

using network::chunk;

// Of the greatest eigenvalue: directions of less variance than that are rounding, and would be blown up.
constexpr double least_variance = 1e-6;

/// Calls `use(object's inputs)` for all objects of a sheet that have a weight.
template <class Use>
void for_each_object(const TrainingSheet& sheet, std::size_t n, const Use& use) {
  Eigen::VectorXd x(static_cast<Eigen::Index>(n));
  for (std::size_t c = 0; c < sheet.chunks; ++c)
    for (std::size_t o = 0; o < chunk; ++o) {
      if (!(sheet.weight[c * chunk + o] > 0.0)) continue;
      for (std::size_t i = 0; i < n; ++i) x[static_cast<Eigen::Index>(i)] = sheet.input[(c * n + i) * chunk + o];
      use(x);
    }
}

}  // namespace

void Transforms::learn(const TrainingSheet& sheet, std::size_t features) {
  const auto n = static_cast<Eigen::Index>(n_), f = static_cast<Eigen::Index>(features);
  Eigen::VectorXd low = Eigen::VectorXd::Constant(n, INFINITY), high = -low, mean = Eigen::VectorXd::Zero(n);
  double objects = 0.0;
  for_each_object(sheet, n_, [&](const Eigen::VectorXd& x) {
    low = low.cwiseMin(x), high = high.cwiseMax(x), mean += x;
    objects += 1.0;
  });
  mean /= std::max(objects, 1.0);
  Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(f, f);
  for_each_object(sheet, n_, [&](const Eigen::VectorXd& x) {
    const Eigen::VectorXd d = x.head(f) - mean.head(f);
    covariance += d * d.transpose();
  });
  covariance /= std::max(objects - 1.0, 1.0);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance);
  const double floor = least_variance * std::max(solver.eigenvalues().maxCoeff(), 1e-300);
  Eigen::MatrixXd range = Eigen::MatrixXd::Identity(n, n), components = range;
  Eigen::VectorXd to_range = Eigen::VectorXd::Zero(n), to_components = to_range;
  for (Eigen::Index i = 0; i < f; ++i) {
    if (high[i] > low[i]) range(i, i) = 2.0 / (high[i] - low[i]), to_range[i] = -(high[i] + low[i]) / (high[i] - low[i]);
    Eigen::VectorXd v = solver.eigenvectors().col(f - 1 - i);
    Eigen::Index largest = 0;
    v.cwiseAbs().maxCoeff(&largest);
    // An eigenvector's sign is nobody's choice; so it is one.
    v *= (v[largest] < 0.0 ? -1.0 : 1.0) / std::sqrt(std::max(solver.eigenvalues()[f - 1 - i], floor));
    components.row(i).head(f) = v.transpose();
    to_components[i] = -v.dot(mean.head(f));
  }
  const auto map = [&](const Eigen::MatrixXd& matrix, const Eigen::VectorXd& offset) {
    Map made{std::vector<double>(n_ * n_), {offset.begin(), offset.end()}};
    Eigen::Map<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(made.matrix.data(), n, n) = matrix;
    return made;
  };
  maps_ = {map(range, to_range), map(components, to_components)};
}

Table Transforms::table() const {
  std::vector<double> matrix, offset;
  for (const Map& map : maps_) {
    matrix.insert(matrix.end(), map.matrix.begin(), map.matrix.end());
    offset.insert(offset.end(), map.offset.begin(), map.offset.end());
  }
  Table table;
  add_values(table, {"matrix", Type::f8, n_, "", "", "of normalise, then of pca: a row for each of their inputs", ""}, matrix);
  add_values(table, {"offset", Type::f8, 1, "", "", "added to the product of matrix and inputs", ""}, offset);
  return table;
}

void Transforms::restore(const Table& table) {
  const std::vector<double> matrix = values_of<double>(table, "matrix"), offset = values_of<double>(table, "offset");
  if (offset.size() != maps_.size() * n_ || matrix.size() != offset.size() * n_)
    throw DataError("the model's transforms are not of the size of its inputs (damaged)");
  for (std::size_t k = 0; k < maps_.size(); ++k) {
    const auto part = [&](const std::vector<double>& all, std::size_t size) {
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(k * size);
      return std::vector<double>(first, first + static_cast<std::ptrdiff_t>(size));
    };
    maps_[k] = {part(matrix, n_ * n_), part(offset, n_)};
  }
}

void Transforms::apply(Transform transform, std::span<const double> in, std::span<double> out) const {
  if (transform == Transform::none) {
    std::ranges::copy(in, out.begin());
    return;
  }
  const Map& map = map_of(transform);
  network::multiply(map.matrix.data(), n_, 1, map.offset.data(), in.data(), n_, n_, out.data());
}

}  // namespace skyfold::annz2
