// A polynomial through the neighbours of an object, by normal equations in coordinates about the object: its value there is the constant
// term (nearest-neighbour polynomial, Oyaizu et al. 2008, ApJ 674, 768).
#include "local_polynomial.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "../../common/simd.hpp"

namespace skyfold::pofz {
namespace {

SKYFOLD_INLINE Lanes load(const double* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// Scalar products of one vector with `count` others that follow one another, in a fixed order of additions; n is a multiple of the lanes.
SKYFOLD_CLONES
void products(const double* one, const double* others, std::size_t count, std::size_t n, double* result) {
  std::size_t j = 0;
  for (; j + 4 <= count; j += 4) {  // four at a time: their sums do not wait for one another
    Lanes a = {}, b = {}, c = {}, d = {};
    const double* other = others + j * n;
    for (std::size_t i = 0; i < n; i += n_lanes) {
      const Lanes x = load(one + i);
      a += x * load(other + i);
      b += x * load(other + n + i);
      c += x * load(other + 2 * n + i);
      d += x * load(other + 3 * n + i);
    }
    const Lanes sums[] = {a, b, c, d};
    for (std::size_t k = 0; k < 4; ++k) result[j + k] = (sums[k][0] + sums[k][1]) + (sums[k][2] + sums[k][3]);
  }
  for (; j < count; ++j) {
    Lanes a = {};
    for (std::size_t i = 0; i < n; i += n_lanes) a += load(one + i) * load(others + j * n + i);
    result[j] = (a[0] + a[1]) + (a[2] + a[3]);
  }
}

}  // namespace

std::size_t coefficients(std::size_t variables, int order) noexcept {
  std::size_t sum = 1, term = 1;
  for (int k = 1; k <= order; ++k) {
    term = term * (variables + static_cast<std::size_t>(k) - 1) / static_cast<std::size_t>(k);
    sum += term;
  }
  return sum;
}

double LocalPolynomial::value(std::span<const Neighbour> neighbours, const double* feature, std::uint64_t mask) {
  features_.clear();
  for (std::uint32_t f = 0; f < rows_.n_features; ++f)
    if (mask >> f & 1) features_.push_back(f);
  used_order_ = order_;
  while (used_order_ > 0 && 2 * coefficients(features_.size(), used_order_) > neighbours.size()) --used_order_;
  const std::size_t n = padded(neighbours.size());
  z_.assign(n, 0.0);
  weight_.assign(n, 0.0);
  double low = rows_.z[neighbours[0].row], high = low, sum = 0.0, mean = 0.0;
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    z_[i] = rows_.z[neighbours[i].row];
    weight_[i] = rows_.weight[neighbours[i].row];
    low = std::min(low, z_[i]);
    high = std::max(high, z_[i]);
    sum += weight_[i];
    mean += weight_[i] * z_[i];
  }
  mean /= sum;
  if (used_order_ == 0) return mean;
  // Weights of sum 1 and redshifts about the mean: the ridge then means the same everywhere, and pulls towards the mean.
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    weight_[i] /= sum;
    z_[i] -= mean;
  }
  make_terms(neighbours, feature);
  return std::clamp(mean + solve(n), low, high);
}

/// 1, the features about the object in units of their spread, and their products.
void LocalPolynomial::make_terms(std::span<const Neighbour> neighbours, const double* feature) {
  const std::size_t n = padded(neighbours.size()), all = coefficients(features_.size(), used_order_);
  if (terms_.size() < all * n) terms_.resize(all * n);
  last_factor_.assign(1, 0);
  std::fill_n(terms_.begin(), n, 1.0);
  for (std::size_t k = 0; k < features_.size(); ++k) {
    double* term = &terms_[(k + 1) * n];
    double square = 0.0;
    for (std::size_t i = 0; i < neighbours.size(); ++i) {
      term[i] = rows_.feature[neighbours[i].row * rows_.n_features + features_[k]] - feature[features_[k]];
      square += weight_[i] * term[i] * term[i];
    }
    const double scale = square > 0.0 ? 1.0 / std::sqrt(square) : 0.0;  // what does not vary tells nothing
    for (std::size_t i = 0; i < neighbours.size(); ++i) term[i] *= scale;
    std::fill(term + neighbours.size(), term + n, 0.0);
    last_factor_.push_back(k);
  }
  std::size_t first = 1;
  for (int order = 2; order <= used_order_; ++order) {
    const std::size_t end = last_factor_.size();
    add_products(first, end, n);
    first = end;
  }
}

/// Products of the terms of one order, [first, end), with the features from their last factor on.
void LocalPolynomial::add_products(std::size_t first, std::size_t end, std::size_t n) {
  for (std::size_t t = first; t < end; ++t)
    for (std::size_t k = last_factor_[t]; k < features_.size(); ++k) {
      double* product = &terms_[last_factor_.size() * n];
      for (std::size_t i = 0; i < n; ++i) product[i] = terms_[t * n + i] * terms_[(k + 1) * n + i];
      last_factor_.push_back(k);
    }
}

/// The constant term, by Cholesky's decomposition with the constant last, so that it is the first to be known.
double LocalPolynomial::solve(std::size_t n) {
  const std::size_t all = last_factor_.size();
  normal_.resize(all * all);
  right_.resize(all);
  weighted_.resize(n);
  // Row r of the equations is term all - 1 - r: products with the terms 0 .. t fill its part of the lower triangle, turned round.
  for (std::size_t t = 0; t < all; ++t) {
    for (std::size_t i = 0; i < n; ++i) weighted_[i] = weight_[i] * terms_[t * n + i];
    products(weighted_.data(), terms_.data(), t + 1, n, &normal_[t * all]);
    products(weighted_.data(), z_.data(), 1, n, &right_[t]);
    if (t > 0) normal_[t * all + t] *= 1.0 + ridge_;
    // An absolute part, too: a term that vanishes at all neighbours gets the coefficient 0.
    if (t > 0) normal_[t * all + t] += 1e-12;
  }
  // Eliminate from the last term to the first (L^T L with the constant on top): what is left in place 0 gives the constant.
  for (std::size_t t = all; t-- > 1;) {
    const double* row = &normal_[t * all];
    const double pivot = 1.0 / row[t];
    for (std::size_t s = 0; s < t; ++s) {
      const double factor = row[s] * pivot;
      double* target = &normal_[s * all];
      for (std::size_t u = 0; u <= s; ++u) target[u] -= factor * row[u];
      right_[s] -= factor * right_[t];
    }
  }
  return right_[0] / normal_[0];
}

}  // namespace skyfold::pofz
