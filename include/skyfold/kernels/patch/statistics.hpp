#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skyfold {

/// The distribution of a map's values in a disc. NaN where nothing was measured.
struct DiscStatistics {
  double mean = 0.0, median = 0.0;
  double rms = 0.0;  ///< root mean square about the mean
  double min = 0.0, max = 0.0;
  double sum = 0.0;                       ///< weighted
  std::int32_t n_pix = 0, n_missing = 0;  ///< pixels with and without a value
  double coverage = 0.0;                  ///< weight of the pixels with a value over that of all; NaN without pixels
};

/// Statistics of the values that are not NaN. Sums run in the order of the pixels, in double precision.
///
/// @param values   of all pixels, shape [n]
/// @param weights  of all pixels, > 0, shape [n]; empty for ones. The median is that of pixels with weight >= 1/2.
/// @param scratch  is overwritten
[[nodiscard]] DiscStatistics disc_statistics(std::span<const double> values, std::span<const double> weights, std::vector<double>& scratch);

/// Median of `values`, which are re-ordered; the mean of the two middle ones for an even number. NaN for none.
[[nodiscard]] double median_in_place(std::span<double> values) noexcept;

}  // namespace skyfold
