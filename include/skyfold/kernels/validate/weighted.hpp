#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace skyfold::validation {

/// Values in increasing order and the sums of their weights, from which quantiles are read without sorting again.
///
/// The p-quantile is the smallest value below or at which more than the share p of the weight lies; where the share is
/// exactly p (to 1e-12 of the whole) it is the mean of the values on both sides (Hyndman & Fan 1996, definition 2, which
/// numpy calls `averaged_inverted_cdf`). So the median of unit weights is the usual one, integer weights act as repeated
/// values, and a common factor of all weights has no effect.
struct SortedWeights {
  std::span<const double> values;  ///< increasing, shape [n]
  std::span<const double> before;  ///< weight of all values in front of each, and at the end of all: shape [n + 1]

  [[nodiscard]] double total() const noexcept { return before.back(); }
};

/// The p-quantile, 0 < p < 1; NaN without weight.
[[nodiscard]] double quantile(const SortedWeights& sorted, double p) noexcept;
/// Median of |value - centre|; NaN without weight.
[[nodiscard]] double median_deviation(const SortedWeights& sorted, double centre) noexcept;
/// Share of the weight with |value - centre| > limit; NaN without weight.
[[nodiscard]] double share_beyond(const SortedWeights& sorted, double centre, double limit) noexcept;

}  // namespace skyfold::validation
