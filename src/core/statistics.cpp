// Quantiles and robust spreads, as numpy and the photo-z literature define them.
#include "skyfold/core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skyfold {

double quantile(std::span<const double> values, double p) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  // Linear between neighbours: definition 7 of Hyndman & Fan (1996, The American Statistician 50, 361), numpy's default.
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::ptrdiff_t>(place);
  // Selection is linear; of the upper part only the smallest is needed, which is what lies next.
  std::nth_element(sorted.begin(), sorted.begin() + low, sorted.end());
  const double at_low = sorted[static_cast<std::size_t>(low)];
  const double fraction = place - static_cast<double>(low);
  if (fraction == 0.0) return at_low;
  const double at_high = *std::min_element(sorted.begin() + low + 1, sorted.end());
  return at_low + fraction * (at_high - at_low);
}

double nmad(std::span<const double> values) {
  const double centre = median(values);
  std::vector<double> deviation(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) deviation[i] = std::abs(values[i] - centre);
  // 1 / Phi^-1(3/4): for a normal distribution this is its standard deviation.
  return 1.4826 * median(deviation);
}

}  // namespace skyfold
