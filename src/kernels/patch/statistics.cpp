// Statistics of the pixels of a disc, with or without weights.
#include "skyfold/kernels/patch/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double median_in_place(std::span<double> values) noexcept {
  if (values.empty()) return nan;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  // Everything below the middle is smaller: the other middle value is the largest of it.
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*std::max_element(values.begin(), middle) + *middle);
}

DiscStatistics disc_statistics(std::span<const double> values, std::span<const double> weights, std::vector<double>& scratch) {
  DiscStatistics s{nan, nan, nan, nan, nan, nan, 0, 0, nan};
  double sum = 0.0, weight_sum = 0.0, all_weights = 0.0, min = nan, max = nan;
  scratch.clear();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i], weight = weights.empty() ? 1.0 : weights[i];
    all_weights += weight;
    if (std::isnan(value)) {
      ++s.n_missing;
      continue;
    }
    sum += weights.empty() ? value : weight * value;
    weight_sum += weight;
    min = value < min || s.n_pix == 0 ? value : min;
    max = value > max || s.n_pix == 0 ? value : max;
    ++s.n_pix;
    if (weight >= 0.5) scratch.push_back(value);
  }
  if (!values.empty()) s.coverage = weight_sum / all_weights;
  if (s.n_pix == 0) return s;
  s.sum = sum, s.min = min, s.max = max;
  s.mean = sum / weight_sum;
  double squares = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double difference = values[i] - s.mean;
    // In a second pass about the mean: maps have offsets far larger than their noise.
    if (!std::isnan(difference)) squares += (weights.empty() ? 1.0 : weights[i]) * (difference * difference);
  }
  s.rms = std::sqrt(squares / weight_sum);
  s.median = median_in_place(scratch);
  return s;
}

}  // namespace skyfold
