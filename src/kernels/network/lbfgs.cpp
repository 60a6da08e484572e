// Minimising a smooth function of many variables by its gradient alone.
#include <algorithm>
#include <cmath>
#include <limits>

#include "minimise.hpp"

namespace skyfold::network {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// A point of a search along a line.
struct Point {
  Vector x, gradient;
  double value = 0.0;
};

/// Goes along `d` until the value has fallen enough and the slope, too; false when it falls nowhere.
bool search_line(const Objective& f, const Point& from, const Vector& d, double length, Point& to) {
  constexpr double fall = 1e-4, flatter = 0.9;
  const double slope = dot(from.gradient, d);
  double low = 0.0, high = std::numeric_limits<double>::infinity();
  for (int step = 0; step < 60; ++step) {
    for (std::size_t i = 0; i < d.size(); ++i) to.x[i] = from.x[i] + length * d[i];
    to.value = f(to.x, to.gradient);
    if (!(to.value <= from.value + fall * length * slope))  // also where it is no number
      high = length;
    else if (dot(to.gradient, d) < flatter * slope)
      low = length;
    else
      return true;
    length = std::isfinite(high) ? 0.5 * (low + high) : 2.0 * low;
  }
  return to.value < from.value;
}

}  // namespace

std::vector<double> Curvature::direction(const std::vector<double>& gradient) const {
  Vector d(gradient.size());
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = -gradient[i];
  Vector alpha(pairs_.size());
  for (std::size_t k = pairs_.size(); k-- > 0;) {
    alpha[k] = pairs_[k].inverse * dot(pairs_[k].step, d);
    for (std::size_t i = 0; i < d.size(); ++i) d[i] -= alpha[k] * pairs_[k].change[i];
  }
  if (!pairs_.empty()) {
    const double scale = 1.0 / (pairs_.back().inverse * dot(pairs_.back().change, pairs_.back().change));
    for (double& v : d) v *= scale;
  }
  for (std::size_t k = 0; k < pairs_.size(); ++k) {
    const double beta = pairs_[k].inverse * dot(pairs_[k].change, d);
    for (std::size_t i = 0; i < d.size(); ++i) d[i] += (alpha[k] - beta) * pairs_[k].step[i];
  }
  return d;
}

void Curvature::add(std::vector<double> step, std::vector<double> change, std::size_t most) {
  const double curvature = dot(step, change);
  if (!(curvature > 1e-12 * dot(change, change))) return;
  pairs_.push_back({std::move(step), std::move(change), 1.0 / curvature});
  if (pairs_.size() > most) pairs_.pop_front();
}

Minimum minimise(const Objective& f, std::vector<double>& x, const LbfgsOptions& o, const AfterIteration& after, Curvature* known) {
  Point here{x, Vector(x.size()), 0.0}, next = here;
  here.value = f(here.x, here.gradient);
  Curvature own;
  Curvature& curvature = known ? *known : own;
  Minimum found{here.value, 0, false};
  while (found.iterations < o.iterations) {
    const double size = std::sqrt(dot(here.gradient, here.gradient));
    if ((found.is_converged = size < o.tolerance * std::max(1.0, std::sqrt(dot(here.x, here.x))))) break;
    Vector d = curvature.direction(here.gradient);
    // Rounding can turn it uphill where the curvature is hardly known.
    if (!(dot(d, here.gradient) < 0.0)) {
      curvature.forget();
      d = curvature.direction(here.gradient);
    }
    if (!search_line(f, here, d, curvature.is_empty() ? std::min(1.0, 1.0 / size) : 1.0, next)) {
      if ((found.is_converged = curvature.is_empty())) break;
      curvature.forget();  // once more, downhill
      continue;
    }
    Vector step(x.size()), change(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      step[i] = next.x[i] - here.x[i];
      change[i] = next.gradient[i] - here.gradient[i];
    }
    curvature.add(std::move(step), std::move(change), o.memory);
    std::swap(here, next);
    ++found.iterations;
    if (after && !after(here.x, here.value)) break;
  }
  x = here.x;
  found.value = here.value;
  return found;
}

}  // namespace skyfold::network
