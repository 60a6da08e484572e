// L-BFGS: the inverse of the matrix of second derivatives from the last steps and changes of the gradient.
#include "lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

namespace skyfold::gpz {
namespace {

constexpr std::size_t memory = 20;
constexpr int most_halvings = 30;
constexpr double enough = 1e-4;  // of the decrease that the gradient promises (Armijo)

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

struct Pair {
  std::vector<double> step, change;
  double curvature;  ///< step . change > 0
};

/// - (inverse second derivatives) gradient, by the two loops.
std::vector<double> direction(const std::deque<Pair>& pairs, std::span<const double> gradient) {
  std::vector<double> q(gradient.begin(), gradient.end()), a(pairs.size());
  for (std::size_t k = pairs.size(); k-- > 0;) {
    a[k] = dot(pairs[k].step, q) / pairs[k].curvature;
    for (std::size_t i = 0; i < q.size(); ++i) q[i] -= a[k] * pairs[k].change[i];
  }
  if (!pairs.empty()) {
    const double scale = pairs.back().curvature / dot(pairs.back().change, pairs.back().change);
    for (double& x : q) x *= scale;
  }
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    const double b = dot(pairs[k].change, q) / pairs[k].curvature;
    for (std::size_t i = 0; i < q.size(); ++i) q[i] += (a[k] - b) * pairs[k].step[i];
  }
  for (double& x : q) x = -x;
  return q;
}

}  // namespace

double minimise(const Objective& objective, std::size_t iterations, std::vector<double>& parameters, const AfterIteration& after) {
  const std::size_t n = parameters.size();
  std::vector<double> gradient(n), next(n), next_gradient(n);
  double value = objective(parameters, gradient);
  std::deque<Pair> pairs;
  for (std::size_t iteration = 0; iteration < iterations; ++iteration) {
    std::vector<double> way = direction(pairs, gradient);
    double slope = dot(way, gradient);
    if (!(slope < 0.0)) {
      // Rounding has spoilt the pairs: begin anew, downhill.
      pairs.clear();
      way = direction(pairs, gradient);
      slope = dot(way, gradient);
    }
    if (!(slope < 0.0)) return value;
    // Without pairs the length of the first step is unknown: one of length at most 1.
    double length = pairs.empty() ? std::min(1.0, 1.0 / std::sqrt(-slope)) : 1.0;
    double next_value = 0.0;
    int halving = 0;
    for (;; ++halving) {
      if (halving == most_halvings) return value;
      for (std::size_t i = 0; i < n; ++i) next[i] = parameters[i] + length * way[i];
      next_value = objective(next, next_gradient);
      if (next_value <= value + enough * length * slope) break;
      // Where a parabola through both values and the slope has its minimum, but no less than a tenth.
      const double parabola = -0.5 * slope * length * length / (next_value - value - slope * length);
      length = std::isfinite(parabola) ? std::clamp(parabola, 0.1 * length, 0.5 * length) : 0.1 * length;
    }
    Pair pair{next, next_gradient, 0.0};
    for (std::size_t i = 0; i < n; ++i) {
      pair.step[i] -= parameters[i];
      pair.change[i] -= gradient[i];
    }
    pair.curvature = dot(pair.step, pair.change);
    // Only with positive curvature does the matrix stay positive definite.
    if (pair.curvature > 1e-10 * std::sqrt(dot(pair.step, pair.step) * dot(pair.change, pair.change))) pairs.push_back(std::move(pair));
    if (pairs.size() > memory) pairs.pop_front();
    parameters.swap(next);
    gradient.swap(next_gradient);
    value = next_value;
    if (after && !after(iteration, parameters, value)) return value;
  }
  return value;
}

}  // namespace skyfold::gpz
