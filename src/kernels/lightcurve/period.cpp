// The period of a light curve: highest peaks of the periodogram, refined, and the choice among multiples.
#include <algorithm>
#include <cmath>

#include "skyfold/kernels/lightcurve/periodogram.hpp"

namespace skyfold::lightcurve {
namespace {

constexpr std::size_t peaks_looked_at = 16;  ///< on the grid, which may have missed up to 3 % of a peak's power
constexpr std::size_t peaks_refined = 2;     ///< of these, once they are known to 0.1 %
constexpr int zooms = 5;                     ///< each divides the step by 8
constexpr std::size_t zoom_side = 8;         ///< steps to each side

struct Peak {
  double frequency = 0.0, power = -1.0;
};

/// The highest local maxima of a grid, highest first.
std::vector<Peak> highest_peaks(const FrequencyGrid& grid, std::span<const double> power) {
  std::vector<Peak> peaks;
  for (std::size_t i = 0; i < power.size(); ++i) {
    // The first one of equal neighbours stands for all.
    if ((i > 0 && power[i] <= power[i - 1]) || (i + 1 < power.size() && power[i] < power[i + 1])) continue;
    if (peaks.size() == peaks_looked_at && power[i] <= peaks.back().power) continue;
    const Peak peak{grid.at(i), power[i]};
    peaks.insert(std::upper_bound(peaks.begin(), peaks.end(), peak, [](const Peak& a, const Peak& b) { return a.power > b.power; }), peak);
    if (peaks.size() > peaks_looked_at) peaks.pop_back();
  }
  return peaks;
}

/// The maximum near a frequency, within one step, on a grid that is made finer some times, and within the frequencies that are searched.
Peak refined(const Periodogram& periodogram, double frequency, double step, int times, const FrequencyGrid& limits,
             std::vector<double>& power) {
  const double lowest = limits.first, highest = limits.at(limits.size - 1);
  Peak best{frequency, -1.0};
  for (int zoom = 0; zoom < times; ++zoom) {
    const double fine = step / static_cast<double>(zoom_side);
    const FrequencyGrid grid{best.frequency - step, fine, 2 * zoom_side + 1};
    periodogram.evaluate(grid, power);
    Peak found;
    for (std::size_t i = 0; i < grid.size; ++i)
      if (grid.at(i) >= lowest - 1e-9 * fine && grid.at(i) <= highest + 1e-9 * fine && power[i] > found.power)
        found = {grid.at(i), power[i]};
    if (found.power > best.power) best = found;
    step = fine;
  }
  return best;
}

/// The highest of some peaks of a grid.
Peak highest_of(const Periodogram& periodogram, std::vector<Peak> peaks, const FrequencyGrid& grid, std::vector<double>& power) {
  for (Peak& peak : peaks) peak = refined(periodogram, peak.frequency, grid.step, 1, grid, power);
  std::ranges::stable_sort(peaks, std::ranges::greater(), &Peak::power);
  peaks.resize(std::min(peaks.size(), peaks_refined));
  Peak best;
  for (const Peak& peak : peaks)
    if (const Peak found = refined(periodogram, peak.frequency, grid.step / zoom_side, zooms - 1, grid, power); found.power > best.power)
      best = found;
  return best;
}

/// Whether the fit at a multiple is as good, but for what another amplitude takes from noise (BIC: ln n for each of two).
bool is_as_good(const Peak& multiple, const Peak& peak, std::size_t n) noexcept {
  const double count = static_cast<double>(n);
  return count * std::log(std::max(1.0 - multiple.power, 1e-12) / std::max(1.0 - peak.power, 1e-12)) < 2.0 * std::log(count);
}

}  // namespace

Period find_period(const Periodogram& periodogram, const PeriodSearch& search, std::vector<double>& power) {
  Period period;
  const double span = periodogram.span_days();
  const auto needed = static_cast<std::size_t>(std::max(search.min_n, 1));
  if (periodogram.n() < needed || periodogram.n_curves() == 0) return period.flags = too_few_measurements, period;
  const double longest = search.max_period_days > 0.0 ? search.max_period_days : span;
  FrequencyGrid grid{1.0 / longest, 1.0 / (span * search.samples_per_peak), 0};
  const double width = 1.0 / search.min_period_days - grid.first;
  if (!(span > 0.0) || !(width >= 0.0)) return period.flags = no_variation, period;
  const double steps = std::floor(width / grid.step) + 1.0;
  if (!(steps <= static_cast<double>(search.max_frequencies))) return period.flags = too_many_frequencies, period;
  grid.size = static_cast<std::size_t>(steps);
  periodogram.evaluate(grid, power);
  Peak best = highest_of(periodogram, highest_peaks(grid, power), grid, power);
  if (!(best.power > 0.0)) return period.flags = no_variation, period;
  const Peak highest = best;
  for (int k = 2; k <= periodogram.harmonics(); ++k) {
    const double multiple = k * highest.frequency;
    if (multiple > grid.at(grid.size - 1)) break;
    const Peak found = refined(periodogram, multiple, grid.step, zooms, grid, power);
    if (is_as_good(found, highest, periodogram.n())) best = found;
  }
  period.days = 1.0 / best.frequency;
  period.power = best.power;
  period.false_alarm = periodogram.false_alarm_probability(best.power, 1.0 / search.min_period_days);
  return period;
}

}  // namespace skyfold::lightcurve
