// The generalised Lomb-Scargle periodogram: trigonometric sums on a regular grid, normal equations, and chances of false alarms.
#include "skyfold/kernels/lightcurve/periodogram.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "../common/simd.hpp"

namespace skyfold::lightcurve {
namespace {

constexpr std::size_t lane_groups = 8;                     ///< vectors of frequencies that are turned from one phase
constexpr std::size_t block_size = lane_groups * n_lanes;  ///< frequencies
constexpr std::size_t blocks_per_start = 16;               ///< after so many, phases are computed anew
constexpr double smallest_pivot = 1e-9;                    ///< of normal equations, whose diagonals are about 1/2

/// ln Gamma(x), x > 0, to 1e-11 (std::lgamma writes a variable that threads share): Stirling's series from 10 on.
double log_gamma(double x) noexcept {
  double below = 0.0;
  for (; x < 10.0; ++x) below += std::log(x);
  const double y = 1.0 / (x * x);
  const double series = (1.0 / 12 + y * (-1.0 / 360 + y * (1.0 / 1260 + y * (-1.0 / 1680 + y / 1188)))) / x;
  return (x - 0.5) * std::log(x) - x + 0.5 * std::log(2.0 * std::numbers::pi) + series - below;
}

/// A measurement's phases.
struct Rotor {
  double c = 1.0, s = 0.0;    ///< cos and sin at the first frequency of the block
  double dc = 1.0, ds = 0.0;  ///< of the turn to the next block
  double weight = 0.0, value = 0.0;
};

/// Turns to each frequency of a block from the first.
struct Turns {
  std::array<double, block_size> c{}, s{};
};

Rotor start_at(double frequency, double time) noexcept {
  // Whole turns are taken away first: the phase may be millions.
  const double phase = std::remainder(frequency * time, 1.0) * 2.0 * std::numbers::pi;
  return {.c = std::cos(phase), .s = std::sin(phase)};
}

/// Powers 0..31 of the turn by one step, by squaring.
void set_turns(double step, double time, Turns& turns) noexcept {
  auto& [c, s] = turns;
  const Rotor one = start_at(step, time);
  c[0] = 1.0, s[0] = 0.0;
  c[1] = one.c;
  s[1] = one.s;
  for (std::size_t k = 2; k < block_size; ++k) {
    const std::size_t a = k / 2, b = k - a;
    c[k] = c[a] * c[b] - s[a] * s[b];
    s[k] = s[a] * c[b] + c[a] * s[b];
  }
}

/// Sums over a band's measurements at four frequencies: weights times cos and sin of multiples of the phase, values likewise.
template <int H>
struct TrigSums {
  Lanes c[2 * H + 1], s[2 * H + 1];
  Lanes yc[H + 1], ys[H + 1];
};

template <int H>
SKYFOLD_INLINE void add_up(const Rotor* rotors, const Turns* turns, std::size_t n, std::size_t group, TrigSums<H>& sums) {
  const Lanes zero = {0.0, 0.0, 0.0, 0.0};
  for (int m = 0; m <= 2 * H; ++m) sums.c[m] = sums.s[m] = zero;
  for (int m = 0; m <= H; ++m) sums.yc[m] = sums.ys[m] = zero;
  sums.c[0] = zero + 1.0;
  for (std::size_t i = 0; i < n; ++i) {
    const Rotor& r = rotors[i];
    Lanes tc, ts;
    std::memcpy(&tc, &turns[i].c[group * n_lanes], sizeof tc);
    std::memcpy(&ts, &turns[i].s[group * n_lanes], sizeof ts);
    const Lanes c1 = tc * r.c - ts * r.s, s1 = tc * r.s + ts * r.c;
    Lanes c = c1, s = s1;
    for (int m = 1; m <= 2 * H; ++m) {
      sums.c[m] += c * r.weight;
      sums.s[m] += s * r.weight;
      if (m <= H) {
        sums.yc[m] += c * r.value;
        sums.ys[m] += s * r.value;
      }
      const Lanes next = c * c1 - s * s1;
      s = s * c1 + c * s1;
      c = next;
    }
  }
}

/// Normal equations of 2 H amplitudes, with the mean taken out: matrix (lower half) and right side.
template <int H>
struct Normal {
  Lanes a[2 * H][2 * H], b[2 * H];
};

template <int H>
SKYFOLD_INLINE void add_normal(const TrigSums<H>& t, double scale, Normal<H>& normal) {
  for (int j = 1; j <= H; ++j) {
    for (int k = 1; k <= j; ++k) {
      const Lanes cc = 0.5 * (t.c[j - k] + t.c[j + k]) - t.c[j] * t.c[k];
      const Lanes ss = 0.5 * (t.c[j - k] - t.c[j + k]) - t.s[j] * t.s[k];
      normal.a[2 * j - 2][2 * k - 2] += scale * cc;
      normal.a[2 * j - 1][2 * k - 1] += scale * ss;
      // sin j cos k = (sin(j + k) + sin(j - k)) / 2; and the same with j and k exchanged.
      normal.a[2 * j - 1][2 * k - 2] += scale * (0.5 * (t.s[j + k] + t.s[j - k]) - t.s[j] * t.c[k]);
      if (k < j) normal.a[2 * j - 2][2 * k - 1] += scale * (0.5 * (t.s[j + k] - t.s[j - k]) - t.c[j] * t.s[k]);
    }
    normal.b[2 * j - 2] += scale * t.yc[j];
    normal.b[2 * j - 1] += scale * t.ys[j];
  }
}

/// How much of chi2 the best amplitudes take away: b A^-1 b by A = L D L^T. A direction that the measurements tell nothing about takes
/// none.
template <int H>
SKYFOLD_INLINE Lanes explained(Normal<H>& n, double scale) {
  Lanes sum = {0.0, 0.0, 0.0, 0.0};
  for (int i = 0; i < 2 * H; ++i) {
    for (int j = 0; j < i; ++j) {
      for (int k = 0; k < j; ++k) n.a[i][j] -= n.a[i][k] * n.a[j][k];
      // a[i][j] is L_ij sqrt(D_j) once a[j][j] is 1 / sqrt(D_j).
      n.a[i][j] *= n.a[j][j];
      n.b[i] -= n.a[i][j] * n.b[j];
      n.a[i][i] -= n.a[i][j] * n.a[i][j];
    }
    for (std::size_t lane = 0; lane < n_lanes; ++lane) {
      const double pivot = n.a[i][i][lane];
      n.a[i][i][lane] = pivot > smallest_pivot * scale ? 1.0 / std::sqrt(pivot) : 0.0;
    }
    n.b[i] *= n.a[i][i];
    sum += n.b[i] * n.b[i];
  }
  return sum;
}

/// One band as the sums take it.
struct BandRotors {
  Rotor* rotors = nullptr;
  const Turns* turns = nullptr;
  std::size_t n = 0;
  double weight = 0.0;
};

template <int H>
SKYFOLD_INLINE void block_power(const BandRotors* bands, std::size_t n_bands, bool is_shared, double* out) {
  const Lanes zero = {0.0, 0.0, 0.0, 0.0};
  for (std::size_t group = 0; group < lane_groups; ++group) {
    Lanes power = zero;
    Normal<H> normal = {};
    double scale = 0.0;
    for (std::size_t b = 0; b < n_bands; ++b) {
      TrigSums<H> sums;
      add_up<H>(bands[b].rotors, bands[b].turns, bands[b].n, group, sums);
      if (!is_shared) normal = {}, scale = 0.0;
      add_normal<H>(sums, bands[b].weight, normal);
      scale += bands[b].weight;
      if (b + 1 == n_bands || !is_shared) power += explained<H>(normal, scale);
    }
    for (std::size_t lane = 0; lane < n_lanes; ++lane) out[group * n_lanes + lane] = power[lane];
  }
}

// One name for each number of harmonics: compilers make clones of plain functions alone.
SKYFOLD_CLONES void block_power_1(const BandRotors* bands, std::size_t n, bool is_shared, double* out) {
  block_power<1>(bands, n, is_shared, out);
}
SKYFOLD_CLONES void block_power_2(const BandRotors* bands, std::size_t n, bool is_shared, double* out) {
  block_power<2>(bands, n, is_shared, out);
}
SKYFOLD_CLONES void block_power_3(const BandRotors* bands, std::size_t n, bool is_shared, double* out) {
  block_power<3>(bands, n, is_shared, out);
}
SKYFOLD_CLONES void block_power_4(const BandRotors* bands, std::size_t n, bool is_shared, double* out) {
  block_power<4>(bands, n, is_shared, out);
}
constexpr std::array<void (*)(const BandRotors*, std::size_t, bool, double*), max_harmonics> block_powers = {block_power_1, block_power_2,
                                                                                                             block_power_3, block_power_4};

}  // namespace

Periodogram::Periodogram(std::span<const Curve> curves, int harmonics, BandModel model) : harmonics_(harmonics), model_(model) {
  double first = INFINITY, last = -INFINITY;
  for (const Curve& curve : curves) add(curve);
  for (const double time : times_) {
    first = std::min(first, time);
    last = std::max(last, time);
  }
  n_ = times_.size();
  if (n_ == 0) return;
  span_ = last - first;
  CompensatedSum weights, mean, squares, chi2;
  for (const Band& band : bands_) {
    weights.add(band.weight);
    chi2.add(band.chi2);
    for (std::size_t i = band.begin; i < band.end; ++i) mean.add(band.weight * weights_[i] * (times_[i] -= first));
  }
  const double centre = mean.value() / weights.value();
  for (const Band& band : bands_)
    for (std::size_t i = band.begin; i < band.end; ++i)
      squares.add(band.weight * weights_[i] * (times_[i] - centre) * (times_[i] - centre));
  time_scatter_ = std::sqrt(squares.value() / weights.value());
  chi2_ = chi2.value();
}

void Periodogram::add(const Curve& curve) {
  const auto has_weight = [](double err) { return err > 0.0 && std::isfinite(err); };
  const bool any = std::any_of(curve.err.begin(), curve.err.end(), has_weight);
  Band band{times_.size(), times_.size()};
  CompensatedSum weights, mean;
  for (std::size_t i = 0; i < curve.mjd.size(); ++i) {
    if (any && !has_weight(curve.err[i])) continue;
    const double weight = any ? 1.0 / (curve.err[i] * curve.err[i]) : 1.0;
    times_.push_back(curve.mjd[i]);
    weights_.push_back(weight);
    values_.push_back(curve.mag[i] - curve.mag[0]);
    weights.add(weight);
    mean.add(weight * values_.back());
  }
  band.end = times_.size();
  if (band.end - band.begin <= static_cast<std::size_t>(2 * harmonics_ + 1)) {
    for (std::vector<double>* v : {&times_, &weights_, &values_}) v->resize(band.begin);
    return;
  }
  band.weight = weights.value();
  CompensatedSum chi2;
  for (std::size_t i = band.begin; i < band.end; ++i) {
    const double value = values_[i] - mean.value() / band.weight;
    chi2.add(weights_[i] * value * value);
    weights_[i] /= band.weight;
    values_[i] = weights_[i] * value;
  }
  band.chi2 = chi2.value();
  bands_.push_back(band);
}

int Periodogram::n_amplitudes() const noexcept {
  return 2 * harmonics_ * (model_ == BandModel::shared ? 1 : static_cast<int>(bands_.size()));
}

void Periodogram::evaluate(const FrequencyGrid& grid, std::vector<double>& power) const {
  power.assign(grid.size, 0.0);
  if (!(chi2_ > 0.0)) return;
  std::vector<Rotor> rotors(n_);
  std::vector<Turns> turns(n_);
  for (std::size_t i = 0; i < n_; ++i) set_turns(grid.step, times_[i], turns[i]);
  std::vector<BandRotors> bands;
  for (const Band& band : bands_)
    bands.push_back({rotors.data() + band.begin, turns.data() + band.begin, band.end - band.begin, band.weight});
  std::array<double, block_size> out{};
  for (std::size_t block = 0; block * block_size < grid.size; ++block) {
    const std::size_t first = block * block_size;
    for (std::size_t i = 0; i < n_; ++i) {
      Rotor& r = rotors[i];
      if (block % blocks_per_start == 0) {
        const Rotor turn = start_at(static_cast<double>(block_size) * grid.step, times_[i]);
        r = start_at(grid.at(first), times_[i]);
        r.dc = turn.c, r.ds = turn.s, r.weight = weights_[i], r.value = values_[i];
      } else {
        const double c = r.c * r.dc - r.s * r.ds;
        r.s = r.s * r.dc + r.c * r.ds;
        r.c = c;
      }
    }
    block_powers[static_cast<std::size_t>(harmonics_ - 1)](bands.data(), bands.size(), model_ == BandModel::shared, out.data());
    const std::size_t n = std::min(block_size, grid.size - first);
    for (std::size_t k = 0; k < n; ++k) power[first + k] = std::clamp(out[k] / chi2_, 0.0, 1.0);
  }
}

double Periodogram::false_alarm_probability(double power, double max_frequency) const noexcept {
  const double amplitudes = n_amplitudes(), rest = static_cast<double>(n_) - static_cast<double>(bands_.size());
  const double free = rest - amplitudes;  // degrees of freedom about the fit
  if (!(free > 0.0) || !(power > 0.0)) return power > 0.0 ? not_measured : 1.0;
  const double half = 0.5 * amplitudes, log_rest = std::log(std::max(1.0 - power, 1e-300)), h = harmonics_;
  // One frequency: the chance that noise explains so much, 1 - I_power(half, free / 2), a finite sum for whole `half`.
  double term = 1.0, sum = 0.0;
  for (double j = 0.0; j < half; ++j) {
    sum += term;
    term *= power * (0.5 * free + j) / (j + 1.0);
  }
  const double single = std::min(sum * std::exp(0.5 * free * log_rest), 1.0);
  // Expected number of peaks above: Baluev (2008), eq. 5 and table 1, for any number of amplitudes.
  const double bandwidth = max_frequency * std::sqrt(4.0 * std::numbers::pi) * time_scatter_;
  const double mean_square = (h + 1.0) * (2.0 * h + 1.0) / 6.0;
  const double log_peaks = std::log(bandwidth) + 0.5 * std::log(mean_square) - log_gamma(half) + (half - 0.5) * std::log(power) +
                           0.5 * (free - 1.0) * log_rest + log_gamma(0.5 * rest) - log_gamma(0.5 * (free + 1.0));
  const double peaks = std::exp(std::min(log_peaks, 700.0));
  // 1 - (1 - single) exp(-peaks), without losing small chances to rounding.
  return single - (1.0 - single) * std::expm1(-peaks);
}

}  // namespace skyfold::lightcurve
