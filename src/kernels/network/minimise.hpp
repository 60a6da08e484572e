#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <span>
#include <vector>

namespace skyfold::network {

/// Value of a function at x; fills its gradient.
using Objective = std::function<double(std::span<const double> x, std::span<double> gradient)>;
/// Called after each iteration; false ends the search.
using AfterIteration = std::function<bool(std::span<const double> x, double value)>;

struct LbfgsOptions {
  std::size_t iterations = 200;
  std::size_t memory = 30;  ///< pairs of steps and changes of the gradient that describe the curvature
  double tolerance = 1e-8;  ///< ends where the gradient is shorter than that times max(1, |x|)
};

struct Minimum {
  double value = 0.0;
  std::size_t iterations = 0;
  bool is_converged = false;  ///< by the gradient, or because no step makes the value less
};

/// What is known of the curvature of a function: steps and how its gradient changed along them.
class Curvature {
 public:
  /// The direction of quasi-Newton where the gradient is this (Nocedal's two loops).
  [[nodiscard]] std::vector<double> direction(const std::vector<double>& gradient) const;
  /// Takes a step, unless the function does not bend upwards along it; the oldest ones beyond `most` are forgotten.
  void add(std::vector<double> step, std::vector<double> change, std::size_t most);
  void forget() noexcept { pairs_.clear(); }
  [[nodiscard]] bool is_empty() const noexcept { return pairs_.empty(); }

 private:
  struct Pair {
    std::vector<double> step, change;
    double inverse = 0.0;  ///< 1 / (step . change)
  };
  std::deque<Pair> pairs_;
};

/// Minimises by the BFGS method with limited memory (Nocedal 1980, Math. Comp. 35, 773): as many pairs as there are iterations give BFGS
/// itself. Steps meet the weak conditions of Wolfe, found by bisection (Lewis & Overton 2013, Math. Program. 141, 135).
/// @param x      where to begin; then the minimum
/// @param known  of an earlier search on nearly the same function, which goes on with it; null: nothing
[[nodiscard]] Minimum minimise(const Objective& f, std::vector<double>& x, const LbfgsOptions& o, const AfterIteration& after = {},
                               Curvature* known = nullptr);

}  // namespace skyfold::network
