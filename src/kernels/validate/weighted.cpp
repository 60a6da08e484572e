// Quantiles and shares of weighted, sorted values by halving: definition 2 of Hyndman & Fan (1996), with the mean of two values
// where the weight divides exactly.
#include "skyfold/kernels/validate/weighted.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skyfold::validation {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double tolerance = 1e-12;  // of the whole weight: sums of weights are rounded

/// First index in [low, high) for which `is_true` holds; it holds for all behind it. `high` for none.
template <class Predicate>
std::size_t first_true(std::size_t low, std::size_t high, Predicate is_true) {
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (is_true(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/// Weight at increasing distances from a centre.
class Distances {
 public:
  Distances(const SortedWeights& sorted, double centre)
      : sorted_(sorted),
        centre_(centre),
        n_(sorted.values.size()),
        split_(first_true(0, n_, [&](std::size_t i) { return sorted.values[i] >= centre; })) {}

  /// Weight with |value - centre| <= distance.
  double within(double distance) const {
    const std::size_t left = first_true(0, split_, [&](std::size_t i) { return centre_ - sorted_.values[i] <= distance; });
    const std::size_t right = first_true(split_, n_, [&](std::size_t i) { return sorted_.values[i] - centre_ > distance; });
    return sorted_.before[right] - sorted_.before[left];
  }

  /// Smallest distance of a value for which `is_enough(within(distance))`; NaN for none.
  template <class Predicate>
  double smallest(Predicate is_enough) const {
    const std::size_t right = first_true(split_, n_, [&](std::size_t i) { return is_enough(within(sorted_.values[i] - centre_)); });
    const std::size_t left = first_true(0, split_, [&](std::size_t i) { return !is_enough(within(centre_ - sorted_.values[i])); });
    const double at_right = right < n_ ? sorted_.values[right] - centre_ : nan;
    const double at_left = left > 0 ? centre_ - sorted_.values[left - 1] : nan;
    // fmin passes over NaN, which stands for a side without values.
    return std::fmin(at_left, at_right);
  }

 private:
  const SortedWeights& sorted_;
  double centre_;
  std::size_t n_, split_;  ///< values from split_ on are >= centre
};

}  // namespace

double quantile(const SortedWeights& sorted, double p) noexcept {
  const double total = sorted.total();
  if (!(total > 0.0)) return nan;
  const double target = p * total, slack = tolerance * total;
  const auto sums = sorted.before.subspan(1);  // up to and with each value
  const auto at = std::lower_bound(sums.begin(), sums.end(), target - slack);
  const double value = sorted.values[static_cast<std::size_t>(at - sums.begin())];
  if (*at > target + slack) return value;
  const auto next = std::upper_bound(at, sums.end(), target + slack);
  return next == sums.end() ? value : 0.5 * (value + sorted.values[static_cast<std::size_t>(next - sums.begin())]);
}

double median_deviation(const SortedWeights& sorted, double centre) noexcept {
  const double total = sorted.total();
  if (!(total > 0.0)) return nan;
  const double target = 0.5 * total, slack = tolerance * total;
  const Distances distances(sorted, centre);
  const double distance = distances.smallest([&](double weight) { return weight >= target - slack; });
  if (distances.within(distance) > target + slack) return distance;
  const double next = distances.smallest([&](double weight) { return weight > target + slack; });
  return std::isnan(next) ? distance : 0.5 * (distance + next);
}

double share_beyond(const SortedWeights& sorted, double centre, double limit) noexcept {
  const double total = sorted.total();
  if (!(total > 0.0) || std::isnan(centre) || std::isnan(limit)) return nan;
  const std::size_t n = sorted.values.size();
  const std::size_t split = first_true(0, n, [&](std::size_t i) { return sorted.values[i] >= centre; });
  const std::size_t low = first_true(0, split, [&](std::size_t i) { return !(std::abs(sorted.values[i] - centre) > limit); });
  const std::size_t high = first_true(split, n, [&](std::size_t i) { return std::abs(sorted.values[i] - centre) > limit; });
  return (sorted.before[low] + (total - sorted.before[high])) / total;
}

}  // namespace skyfold::validation
