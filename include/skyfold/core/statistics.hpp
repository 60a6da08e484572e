#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace skyfold {

/// Quantile by linear interpolation between order statistics (numpy's default), p in [0, 1].
/// NaN for no values. The input is copied.
[[nodiscard]] double quantile(std::span<const double> values, double p);
[[nodiscard]] inline double median(std::span<const double> values) { return quantile(values, 0.5); }

/// 1.4826 median|x - median x|: a robust standard deviation.
[[nodiscard]] double nmad(std::span<const double> values);

}  // namespace skyfold
