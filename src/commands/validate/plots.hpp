#pragma once

#include <span>
#include <vector>

#include "skyfold/registry/process.hpp"

namespace skyfold {

/// Range of an axis.
struct AxisRange {
  double low = 0.0, high = 1.0;
};
/// From the p-quantile to the (1 - p)-quantile of the finite values, widened by 5 %; 0 to 1 without values.
[[nodiscard]] AxisRange range_of(std::span<const double> values, double p);

/// Steps of a histogram in `bins` equal bins of a range; values outside do not count. `title` for the key.
[[nodiscard]] Series histogram_series(std::span<const double> values, AxisRange range, std::size_t bins, const std::string& title,
                                      const std::string& style);

/// A cloud of points as it fits into a plot: the points themselves up to 5,000, else a two-dimensional histogram with
/// 48 x 48 cells, those that hold something; so that a picture stays small.
[[nodiscard]] std::vector<Series> cloud_series(std::span<const double> x, std::span<const double> y, AxisRange x_range, AxisRange y_range);

/// Lines around the densest parts of a cloud that hold the shares `shares` of the points in range; density from a
/// histogram with 48 x 48 cells, smoothed once over neighbours.
[[nodiscard]] std::vector<Series> contour_series(std::span<const double> x, std::span<const double> y, AxisRange x_range, AxisRange y_range,
                                                 std::span<const double> shares);

}  // namespace skyfold
