// Calibration of scores without a formula: the best of all curves that never fall.
#include "isotonic.hpp"

#include <algorithm>
#include <numeric>

#include "options.hpp"

namespace skyfold::arborz {
namespace {

/// Objects whose scores follow one another, and that have one probability.
struct Pool {
  double weight, score, target;  ///< the latter two times weight

  [[nodiscard]] double probability() const noexcept { return target / weight; }
  void add(const Pool& other) noexcept { weight += other.weight, score += other.score, target += other.target; }
};

}  // namespace

double IsotonicCurve::at(double s) const noexcept {
  const auto above = std::upper_bound(score.begin(), score.end(), s);
  if (above == score.begin()) return probability.front();
  if (above == score.end()) return probability.back();
  const auto k = static_cast<std::size_t>(above - score.begin());
  return probability[k - 1] + (s - score[k - 1]) / (score[k] - score[k - 1]) * (probability[k] - probability[k - 1]);
}

IsotonicCurve fit_isotonic(std::span<const double> score, std::span<const std::uint8_t> is_signal, std::span<const double> weight) {
  const PlattTargets target = platt_targets(is_signal, weight);
  std::vector<std::uint32_t> order(score.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](std::uint32_t i) { return score[i]; });
  std::vector<Pool> pools;
  for (std::size_t k = 0; k < order.size();) {
    Pool same{0.0, 0.0, 0.0};  // of one score: no curve can tell them apart
    for (const double of = score[order[k]]; k < order.size() && score[order[k]] == of; ++k) {
      const double w = weight[order[k]];
      same.add({w, w * of, w * target.of[is_signal[order[k]]]});
    }
    pools.push_back(same);
    // Equal ones are one pool, however their sums were rounded.
    while (pools.size() > 1 && pools[pools.size() - 2].probability() >= (1.0 - 1e-12) * pools.back().probability()) {
      const Pool last = pools.back();
      pools.pop_back();
      pools.back().add(last);
    }
  }
  IsotonicCurve curve;
  for (const Pool& pool : pools) {
    curve.score.push_back(pool.score / pool.weight);
    curve.probability.push_back(pool.probability());
  }
  return curve;
}

}  // namespace skyfold::arborz
