// Learning the metric from how redshifts change: local planes around many objects, and the mean outer product of their gradients
// (Hristache et al. 2001, Ann. Stat. 29, 1537). Directions in which the redshift does not change count little.
#include <algorithm>
#include <cmath>

#include "../../common/eigen.hpp"
#include "feature_rows.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

constexpr std::size_t least_rows = 100, most_centres = 20'000, least_neighbours = 60;
constexpr double ridge = 1e-3;          // of the mean variance of the neighbours: fits of few neighbours stay tame
constexpr double steepest_kept = 0.95;  // steeper gradients come from confused neighbourhoods
constexpr double euclidean_part = 0.01;
constexpr std::uint32_t centre_stream = 0x6b6e6e01;

/// Rows with all features around which fits are made: those with the smallest random numbers, in order of row.
std::vector<std::uint32_t> draw_centres(const FeatureRows& rows, const std::vector<std::uint32_t>& complete, std::uint64_t seed) {
  if (complete.size() <= most_centres) return complete;
  std::vector<std::pair<double, std::uint32_t>> draws;
  for (const std::uint32_t row : complete)
    // By id: the same objects are drawn whatever the order of the training set.
    draws.emplace_back(ObjectRandom(seed, static_cast<std::uint64_t>(rows.id[row]), centre_stream).uniform(), row);
  std::nth_element(draws.begin(), draws.begin() + most_centres, draws.end());
  std::vector<std::uint32_t> centres;
  for (std::size_t i = 0; i < most_centres; ++i) centres.push_back(draws[i].second);
  std::sort(centres.begin(), centres.end());
  return centres;
}

/// Gradient of the redshift over the neighbours of a row, in features, / (1 + z).
Eigen::VectorXd gradient(const FeatureRows& rows, std::span<const Neighbour> neighbours, double z) {
  const auto n = static_cast<Eigen::Index>(neighbours.size()), p = static_cast<Eigen::Index>(rows.n_features);
  Eigen::MatrixXd x(n, p);
  Eigen::VectorXd y(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const std::size_t row = neighbours[static_cast<std::size_t>(i)].row;
    x.row(i) = Eigen::Map<const Eigen::RowVectorXd>(&rows.feature[row * rows.n_features], p);
    y[i] = rows.z[row];
  }
  // eval(): the mean must be taken before the first row changes.
  x.rowwise() -= x.colwise().mean().eval();
  y.array() -= y.mean();
  Eigen::MatrixXd normal = x.transpose() * x;
  const double trace = normal.trace() / static_cast<double>(p);
  if (!(trace > 0.0)) return Eigen::VectorXd::Zero(p);
  normal.diagonal().array() += ridge * trace;
  return normal.ldlt().solve(x.transpose() * y) / (1.0 + z);
}

FeatureMetric metric_of(const FeatureRows& rows, const std::vector<std::uint32_t>& centres, const std::vector<double>& gradients) {
  const auto p = static_cast<Eigen::Index>(rows.n_features);
  std::vector<double> norm(centres.size());
  const auto at = [&](std::size_t i) { return Eigen::Map<const Eigen::VectorXd>(&gradients[i * rows.n_features], p); };
  for (std::size_t i = 0; i < centres.size(); ++i) norm[i] = at(i).norm();
  const double steepest = quantile(norm, steepest_kept);
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(p, p);
  for (std::size_t i = 0; i < centres.size(); ++i)
    if (norm[i] <= steepest) sum += rows.weight[centres[i]] * at(i) * at(i).transpose();
  const double trace = sum.trace() / static_cast<double>(p);
  // No redshift changes anywhere: nothing to learn.
  if (!(trace > 0.0) || !std::isfinite(trace)) return FeatureMetric(rows.n_features);
  // A little of the Euclidean metric keeps the matrix positive definite.
  sum = (sum / trace + euclidean_part * Eigen::MatrixXd::Identity(p, p)) / (1.0 + euclidean_part);
  return FeatureMetric(rows.n_features, std::vector<double>(sum.data(), sum.data() + sum.size()));
}

FeatureMetric improved(const FeatureRows& rows, const std::vector<std::uint32_t>& centres, const FeatureMetric& metric, int threads) {
  const FeatureIndex index(rows, metric, all_features(rows.n_features));
  const std::size_t n = std::max(least_neighbours, 5 * rows.n_features), p = rows.n_features;
  std::vector<double> gradients(centres.size() * p);
  std::vector<NeighbourSearch> searches(static_cast<std::size_t>(threads));
  parallel_for(centres.size(), 64, threads, [&](std::size_t begin, std::size_t end, int thread) {
    std::vector<double> place(p);
    for (std::size_t i = begin; i < end; ++i) {
      index.embed(&rows.feature[centres[i] * p], place.data());
      const auto neighbours = searches[static_cast<std::size_t>(thread)].find(index.tree(), place.data(), n);
      const Eigen::VectorXd g = gradient(rows, neighbours, rows.z[centres[i]]);
      std::copy(g.data(), g.data() + p, gradients.begin() + static_cast<std::ptrdiff_t>(i * p));
    }
  });
  return metric_of(rows, centres, gradients);
}

}  // namespace

FeatureMetric learn_metric(const FeatureRows& rows, std::uint64_t seed, int threads) {
  std::vector<std::uint32_t> complete;
  for (std::uint32_t i = 0; i < rows.n_rows; ++i)
    if (rows.present[i] == all_features(rows.n_features)) complete.push_back(i);
  FeatureMetric metric(rows.n_features);
  if (complete.size() < std::max(least_rows, 10 * rows.n_features)) return metric;
  const std::vector<std::uint32_t> centres = draw_centres(rows, complete, seed);
  // A second time with neighbours in the metric just learned.
  for (int pass = 0; pass < 2; ++pass) metric = improved(rows, centres, metric, std::max(threads, 1));
  return metric;
}

}  // namespace skyfold
