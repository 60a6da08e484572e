#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace skyfold {

/// How fluxes that were measured here agree with those of a catalogue.
struct FluxComparison {
  std::size_t n = 0;                  ///< sources with both
  double median_ratio = 0.0;          ///< of measured to catalogued; NaN for none
  double scatter = 0.0;               ///< 1.4826 median |ratio - median ratio|
  double spearman = 0.0;              ///< rank correlation; NaN for fewer than two
  std::vector<std::size_t> outliers;  ///< places in the input, farthest first
};

/// Compares where both fluxes are > 0. A source is an outlier when the logarithm of its ratio is more than five robust
/// standard deviations, and at least a tenth, from the median of the logarithms.
///
/// @param measured, catalogued  in the same unit, NaN where missing, shape [n]
[[nodiscard]] FluxComparison compare_fluxes(std::span<const double> measured, std::span<const double> catalogued);

/// Spearman's rank correlation: Pearson's of the ranks, ties at their mean rank. NaN for fewer than two values or when all
/// are equal.
[[nodiscard]] double spearman(std::span<const double> a, std::span<const double> b);

}  // namespace skyfold
