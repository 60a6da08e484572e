#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/kernels/lightcurve/statistics.hpp"

namespace skyfold::lightcurve {

inline constexpr int max_harmonics = 4;

/// How filters share a periodic curve.
enum class BandModel : std::uint8_t {
  shared,   ///< one curve with a mean of its own in each filter (VanderPlas & Ivezic 2015, ApJ 812, 18: N_base = harmonics, N_band = 0)
  separate  ///< a curve of its own in each filter (N_base = 0, N_band = harmonics)
};

/// Frequencies first, first + step, ... in cycles per day.
struct FrequencyGrid {
  double first = 0.0, step = 0.0;
  std::size_t size = 0;
  [[nodiscard]] double at(std::size_t i) const noexcept { return first + static_cast<double>(i) * step; }
};

/// The generalised Lomb-Scargle periodogram (Zechmeister & Kuerster 2009, A&A 496, 577): how much of chi2 about the mean a sum of
/// harmonics with a free mean takes away, (chi2_0 - chi2(f)) / chi2_0, in 0..1; for several filters at once.
///
/// Measurements without errors weigh 1 in a curve where none has one, and are left out of others. Curves with at most 2 harmonics + 1
/// measurements say nothing and are left out.
///
/// Sums over measurements are evaluated on the regular grid by turning the phases of 32 neighbouring frequencies from those of the first,
/// in registers: no sine or cosine but one per measurement and 512 frequencies, and no interpolation, so that it is exact to about 1e-12.
class Periodogram {
 public:
  /// Takes copies.
  /// @param harmonics  1..max_harmonics
  Periodogram(std::span<const Curve> curves, int harmonics, BandModel model);

  [[nodiscard]] std::size_t n() const noexcept { return n_; }  ///< measurements that count
  [[nodiscard]] int harmonics() const noexcept { return harmonics_; }
  [[nodiscard]] std::size_t n_curves() const noexcept { return bands_.size(); }
  [[nodiscard]] double span_days() const noexcept { return span_; }                  ///< between first and last that count
  [[nodiscard]] int n_amplitudes() const noexcept;                                   ///< free parameters of the periodic part
  [[nodiscard]] double time_scatter_days() const noexcept { return time_scatter_; }  ///< weighted rms of times

  /// Power at each frequency of a grid.
  void evaluate(const FrequencyGrid& grid, std::vector<double>& power) const;

  /// Probability that noise alone has a peak of that power anywhere below `max_frequency`: an upper limit by Baluev (2008, MNRAS 385,
  /// 1279), for several amplitudes as in Baluev (2009, MNRAS 395, 1541) with the mean square of the harmonics' numbers, which is never too
  /// small.
  [[nodiscard]] double false_alarm_probability(double power, double max_frequency) const noexcept;

 private:
  struct Band {
    std::size_t begin = 0, end = 0;  ///< of times_, ...
    double chi2 = 0.0;               ///< about the mean
    double weight = 0.0;             ///< sum of 1 / err^2
  };
  void add(const Curve& curve);

  int harmonics_;
  BandModel model_;
  std::size_t n_ = 0;
  double span_ = 0.0, time_scatter_ = 0.0, chi2_ = 0.0;
  std::vector<Band> bands_;
  std::vector<double> times_, weights_, values_;  ///< since the first; sum 1 in a band; weight x (mag - mean)
};

/// What periods are looked for.
struct PeriodSearch {
  double min_period_days = 0.1, max_period_days = 0.0;  ///< 0: the span of the measurements
  double samples_per_peak = 5.0;                        ///< steps of the grid in the width 1 / span of a peak
  std::int64_t max_frequencies = 2'000'000;             ///< of an object: with more it gets no period, and is flagged
  int min_n = 10;                                       ///< measurements
};

/// Why there is no period.
enum PeriodFlag : std::uint8_t {
  too_few_measurements = 1,
  too_many_frequencies = 2,
  no_variation = 4,  ///< all magnitudes of a filter are equal, or the span is shorter than the shortest period
};

struct Period {
  double days = not_measured, power = not_measured, false_alarm = not_measured;
  std::uint8_t flags = 0;  ///< bits of PeriodFlag
};

/// The period of the highest peak: the best of the grid's 16 highest ones, looked at on ever finer grids. Where a multiple of its frequency
/// explains the curve as well, but for noise (BIC), that one is taken: with several harmonics any curve also fits at half its frequency.
[[nodiscard]] Period find_period(const Periodogram& periodogram, const PeriodSearch& search, std::vector<double>& scratch);

}  // namespace skyfold::lightcurve
