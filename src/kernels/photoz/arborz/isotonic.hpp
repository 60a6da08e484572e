#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skyfold::arborz {

/// A probability that never falls as the score grows: linear between its points, constant beyond the first and the last.
struct IsotonicCurve {
  std::vector<double> score, probability;  ///< ascending; empty: none

  [[nodiscard]] double at(double s) const noexcept;
};

/// The isotonic regression of classes by scores (pool adjacent violators: Ayer et al. 1955, Ann. Math. Stat. 26, 641; for classifiers
/// Zadrozny & Elkan 2002): a point for each pool, at its mean score. Classes count by Platt's targets, which are a little less than sure,
/// so that no probability is 0 or 1.
[[nodiscard]] IsotonicCurve fit_isotonic(std::span<const double> score, std::span<const std::uint8_t> is_signal,
                                         std::span<const double> weight);

}  // namespace skyfold::arborz
