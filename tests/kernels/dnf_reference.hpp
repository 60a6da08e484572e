#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

// DNF written down plainly from its definition: every distance in double precision, everything sorted, least
// squares by elimination in long double. The slow truth for tests and the yardstick of the benchmark.
namespace dnf_reference {

using Matrix = std::vector<std::vector<double>>;

struct Options {
  std::string metric = "anf";
  std::size_t neighbours = 80, preselect = 4000;
  bool fit = true;
};

struct Result {
  std::vector<std::size_t> neighbours;  ///< training rows, nearest first
  std::vector<double> residual, weight;
  double z = 0.0, err_fit = 0.0, err_param = 0.0, d1 = 0.0, d1_euclid = 0.0;
  std::size_t n = 0;
};

inline double length(const std::vector<double>& m) {
  double sum = 0.0;
  for (const double x : m) sum += x * x;
  return std::sqrt(sum);
}

inline double euclid2(const std::vector<double>& q, const std::vector<double>& m) {
  double sum = 0.0;
  for (std::size_t b = 0; b < q.size(); ++b) sum += (q[b] - m[b]) * (q[b] - m[b]);
  return sum;
}

inline double sine2(const std::vector<double>& q, const std::vector<double>& m) {
  const double lq = length(q), lm = length(m);
  double chord2 = 0.0;
  for (std::size_t b = 0; b < q.size(); ++b) {
    const double d = (lq > 0.0 ? q[b] / lq : 0.0) - (lm > 0.0 ? m[b] / lm : 0.0);
    chord2 += d * d;
  }
  return std::max(0.0, chord2 * (1.0 - 0.25 * chord2));
}

inline double metric2(const std::string& metric, const std::vector<double>& q, const std::vector<double>& m) {
  if (metric == "enf" || q.size() == 1) return euclid2(q, m);
  return metric == "anf" ? sine2(q, m) : euclid2(q, m) * sine2(q, m);
}

/// The first `n` of `rows` in the order of (distance, row).
template <class Distance>
std::vector<std::size_t> nearest(std::vector<std::size_t> rows, std::size_t n, const Distance& distance) {
  std::vector<std::pair<double, std::size_t>> order;
  for (const std::size_t row : rows) order.emplace_back(distance(row), row);
  std::sort(order.begin(), order.end());
  order.resize(std::min(n, order.size()));
  rows.clear();
  for (const auto& [d, row] : order) rows.push_back(row);
  return rows;
}

/// Solves a x = y by elimination with row pivoting; no solution when a pivot is nothing against its diagonal.
inline std::vector<long double> solve(std::vector<std::vector<long double>> a, std::vector<long double> y) {
  const std::size_t n = y.size();
  std::vector<long double> diagonals;
  for (std::size_t i = 0; i < n; ++i) diagonals.push_back(a[i][i]);
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t pivot = i;
    const long double diagonal = diagonals[i];
    for (std::size_t j = i; j < n; ++j)
      if (std::abs(a[j][i]) > std::abs(a[pivot][i])) pivot = j;
    if (std::abs(a[pivot][i]) <= 1e-14L * diagonal) return {};
    std::swap(a[i], a[pivot]);
    std::swap(y[i], y[pivot]);
    for (std::size_t j = i + 1; j < n; ++j) {
      const long double factor = a[j][i] / a[i][i];
      for (std::size_t k = i; k < n; ++k) a[j][k] -= factor * a[i][k];
      y[j] -= factor * y[i];
    }
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) y[i] -= a[i][k] * y[k];
    y[i] /= a[i][i];
  }
  return y;
}

/// Slopes and, last, the constant of z on (magnitudes - query, 1) over the rows with weight 1: the constant is z.
inline std::vector<long double> least_squares(const Matrix& mag, const std::vector<double>& z, const Result& r,
                                              const std::vector<double>& query) {
  const std::size_t n = query.size() + 1;
  std::vector<std::vector<long double>> a(n, std::vector<long double>(n));
  std::vector<long double> y(n), x(n, 1.0L);
  for (std::size_t i = 0; i < r.neighbours.size(); ++i) {
    if (r.weight[i] == 0.0) continue;
    for (std::size_t b = 0; b + 1 < n; ++b) x[b] = static_cast<long double>(mag[r.neighbours[i]][b]) - query[b];
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < n; ++k) a[j][k] += x[j] * x[k];
      y[j] += x[j] * z[r.neighbours[i]];
    }
  }
  return solve(a, y);
}

/// Mean of z with the weights; err_fit from the deviations over `divisor`.
inline void mean(const std::vector<double>& z, double divisor, Result& r) {
  double sum = 0.0, weights = 0.0, sum2 = 0.0;
  for (std::size_t i = 0; i < r.neighbours.size(); ++i) {
    sum += r.weight[i] * z[r.neighbours[i]];
    weights += r.weight[i];
  }
  r.z = sum / weights;
  for (std::size_t i = 0; i < r.neighbours.size(); ++i) {
    r.residual[i] = z[r.neighbours[i]] - r.z;
    sum2 += r.weight[i] * r.residual[i] * r.residual[i];
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  r.err_fit = r.n > 1 ? std::sqrt(sum2 / (divisor > 0.0 ? divisor : weights)) : nan;
}

inline void fit(const Matrix& mag, const std::vector<double>& z, const std::vector<double>& query, const std::vector<double>& error,
                Result& r) {
  const std::size_t bands = query.size();
  std::vector<long double> c;
  for (int pass = 0; pass < 4; ++pass) {
    c = least_squares(mag, z, r, query);
    if (c.empty()) return mean(z, static_cast<double>(r.n) - 1.0, r);
    long double sum = 0.0L;
    for (std::size_t i = 0; i < r.neighbours.size(); ++i) {
      long double value = c[bands];
      for (std::size_t b = 0; b < bands; ++b) value += c[b] * (static_cast<long double>(mag[r.neighbours[i]][b]) - query[b]);
      r.residual[i] = static_cast<double>(z[r.neighbours[i]] - value);
      sum += r.weight[i] * std::abs(r.residual[i]);
    }
    const double limit = 3.0 * static_cast<double>(sum) / static_cast<double>(r.n);
    std::vector<double> kept = r.weight;
    for (std::size_t i = 0; i < kept.size(); ++i)
      if (!(std::abs(r.residual[i]) < limit)) kept[i] = 0.0;
    const auto n_kept = static_cast<std::size_t>(std::accumulate(kept.begin(), kept.end(), 0.0));
    if (n_kept <= bands + 1) break;
    r.weight = kept;
    r.n = n_kept;
  }
  r.z = static_cast<double>(c[bands]);
  double sum2 = 0.0;
  for (std::size_t i = 0; i < r.neighbours.size(); ++i) sum2 += r.weight[i] * r.residual[i] * r.residual[i];
  r.err_fit = std::sqrt(sum2 / static_cast<double>(r.n - bands - 1));
  for (std::size_t b = 0; b < bands; ++b) r.err_param += static_cast<double>(c[b] * c[b]) * error[b] * error[b];
  r.err_param = std::sqrt(r.err_param);
}

/// Estimate of one object.
///
/// @param mag    training magnitudes of the object's bands, [rows][bands]
/// @param rows   the training rows that count
inline Result estimate(const Matrix& mag, const std::vector<double>& z, const std::vector<std::size_t>& rows,
                       const std::vector<double>& query, const std::vector<double>& error, const Options& o) {
  const auto euclid = [&](std::size_t row) { return euclid2(query, mag[row]); };
  const auto metric = [&](std::size_t row) { return metric2(o.metric, query, mag[row]); };
  Result r;
  r.neighbours = nearest(o.preselect ? nearest(rows, o.preselect, euclid) : rows, o.neighbours, metric);
  r.n = r.neighbours.size();
  if (r.n == 0) return r;
  r.residual.assign(r.n, 0.0);
  r.weight.assign(r.n, 1.0);
  r.d1 = std::sqrt(metric(r.neighbours[0]));
  r.d1_euclid = std::sqrt(euclid(nearest(rows, 1, euclid)[0]));
  if (o.fit) {
    if (r.n <= query.size() + 1)
      mean(z, static_cast<double>(r.n) - 1.0, r);
    else
      fit(mag, z, query, error, r);
    return r;
  }
  double mean_distance = 0.0;
  for (const std::size_t row : r.neighbours) mean_distance += std::sqrt(metric(row)) / static_cast<double>(r.n);
  const std::size_t all = r.n;
  r.n = 0;
  for (std::size_t i = 0; i < all; ++i) {
    const double d = std::sqrt(metric(r.neighbours[i]));
    r.weight[i] = r.d1 == 0.0 ? (d == 0.0 ? 1.0 : 0.0) : d < mean_distance ? 1.0 / d : 0.0;
    r.n += r.weight[i] > 0.0;
  }
  mean(z, 0.0, r);
  return r;
}

}  // namespace dnf_reference
