// Weights of a sum of PDFs by the loss of conditional densities (Izbicki & Lee 2017, Electron. J. Stat. 11, 2800): a quadratic programme so
// small that all its faces are tried.
#include "weights.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "skyfold/core/error.hpp"

namespace skyfold::combine {
namespace {

/// Solves a small system, shape [n x n], by elimination with pivots; nothing for one that is singular.
std::optional<std::vector<double>> solve(std::vector<double> a, std::vector<double> x) {
  const std::size_t n = x.size();
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i)
      if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
    if (!(std::abs(a[pivot * n + k]) > 1e-12)) return std::nullopt;
    for (std::size_t j = 0; j < n; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
    std::swap(x[k], x[pivot]);
    for (std::size_t i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / a[k * n + k];
      for (std::size_t j = k; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
      x[i] -= factor * x[k];
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) x[k] -= a[k * n + j] * x[j];
    x[k] /= a[k * n + k];
  }
  return x;
}

/// The least value for these members alone, weights of sum 1 and any sign.
std::optional<std::vector<double>> of_face(const std::vector<std::size_t>& members, std::span<const double> q, std::span<const double> b) {
  const std::size_t m = members.size(), n = b.size(), size = m + 1;
  std::vector<double> a(size * size, 0.0), right(size, 1.0);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < m; ++j) a[i * size + j] = q[members[i] * n + members[j]];
    a[i * size + m] = a[m * size + i] = 1.0;
    right[i] = b[members[i]];
  }
  auto found = solve(std::move(a), std::move(right));
  if (!found) return std::nullopt;
  std::vector<double> weights(n, 0.0);
  for (std::size_t i = 0; i < m; ++i) {
    if (!((*found)[i] >= 0.0)) return std::nullopt;
    weights[members[i]] = (*found)[i];
  }
  return weights;
}

}  // namespace

double loss_of(std::span<const double> weights, std::span<const double> q, std::span<const double> b) {
  const std::size_t n = b.size();
  double loss = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    loss -= 2.0 * b[i] * weights[i];
    for (std::size_t j = 0; j < n; ++j) loss += weights[i] * q[i * n + j] * weights[j];
  }
  return loss;
}

std::vector<double> best_weights(std::span<const double> q, std::span<const double> b) {
  const std::size_t n = b.size();
  if (n == 0 || n > 16) throw UsageError("combine.members: 1 to 16 can be combined");
  std::vector<double> best;
  for (std::uint32_t set = 1; set < (1U << n); ++set) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < n; ++i)
      if ((set >> i & 1U) != 0) members.push_back(i);
    const auto weights = of_face(members, q, b);
    // Those with one member are always there, so the result is never worse than the best of them.
    if (weights && (best.empty() || loss_of(*weights, q, b) < loss_of(best, q, b))) best = *weights;
  }
  if (best.empty()) throw DataError("combine: the members' held-out PDFs give no weights");
  return best;
}

}  // namespace skyfold::combine
