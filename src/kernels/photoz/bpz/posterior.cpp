// Benitez 2000 in logarithms: chi2 of all models with the best amplitude, times the prior, summed over templates, smoothed, cut off,
// measured.
#include "posterior.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../common/simd.hpp"
#include "../../templates/chi_square.hpp"

namespace skyfold::bpz {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double negligible = -60.0;  // ln of a part of the greatest probability: all models together then add 1e-22 of it
constexpr double least_exponent = -690.0;
// Quantiles of the normal distribution between which the intervals' probabilities lie.
constexpr std::array<double, interval_levels.size()> sigmas = {0.9944578832097531, 1.6448536269514722, 1.959963984540054,
                                                               2.5758293035489004};

/// Adds the prior; returns the greatest sum.
SKYFOLD_CLONES
double add_prior(const double* prior, std::size_t stride, double* log_p) {
  Lanes greatest = Lanes{} - infinity;
  for (std::size_t i = 0; i < stride; i += n_lanes) {
    Lanes value = load(log_p + i);
    if (prior) value += load(prior + i);
    store(log_p + i, value);
    greatest = value > greatest ? value : greatest;
  }
  return std::max(std::max(greatest[0], greatest[1]), std::max(greatest[2], greatest[3]));
}

SKYFOLD_CLONES
void add_exponentials(const double* log_p, std::size_t templates, std::size_t stride, double greatest, double* p) {
  for (std::size_t t = 0; t < templates; ++t)
    for (std::size_t i = 0; i < stride; i += n_lanes) {
      const Lanes x = load(log_p + t * stride + i) - greatest;
      if (std::max(std::max(x[0], x[1]), std::max(x[2], x[3])) < negligible) continue;
      store(p + i, load(p + i) + exponential(x > least_exponent ? x : Lanes{} + least_exponent));
    }
}

SKYFOLD_CLONES
void convolve(const double* from, std::size_t stride, const double* window, std::size_t width, double* to) {
  for (std::size_t i = 0; i < stride; i += n_lanes) {
    Lanes sum = {};
    for (std::size_t j = 0; j < width; ++j) sum += load(from + i + j) * window[j];
    store(to + i, sum);
  }
}

}  // namespace

Posterior::Posterior(const Models& models, const Rules& rules)
    : models_(models), rules_(rules), chi2_(models.stride), log_p_(models.templates * models.stride), cumulative_(models.z.size()) {
  const double step = models.z.size() < 2 ? 1.0 : (models.z.back() - models.z.front()) / static_cast<double>(models.z.size() - 1);
  const auto half = static_cast<std::ptrdiff_t>(3.0 * rules.smoothing / step + 0.1);
  for (std::ptrdiff_t i = -half; i <= half && rules.smoothing > 0.0; ++i) {
    const double x = static_cast<double>(i) * step / rules.smoothing;
    window_.push_back(std::exp(-x * x));
  }
  margin_ = padded(static_cast<std::size_t>(half));
  p_.assign(models.stride + 2 * margin_, 0.0);
  raw_.assign(models.stride + 2 * margin_, 0.0);
}

Estimate Posterior::estimate(std::span<const double> flux, std::span<const double> error, std::span<const double* const> priors) {
  Estimate e;
  fit(flux, error, priors, e);
  sum_templates();
  smooth();
  measure(e);
  return e;
}

void Posterior::fit(std::span<const double> flux, std::span<const double> error, std::span<const double* const> priors, Estimate& e) {
  const std::size_t bands = models_.bands, stride = models_.stride, n = models_.z.size();
  std::array<double, 32> fot{}, ftt{};
  // Relative to the brightest flux: squares of fluxes of 1e-12 are near the end of what models can be multiplied with.
  double foo = 0.0, scale = 0.0;
  for (std::size_t band = 0; band < bands; ++band) scale = error[band] > 0.0 ? std::max({scale, std::abs(flux[band]), error[band]}) : scale;
  for (std::size_t band = 0; band < bands; ++band) {
    if (!(error[band] > 0.0)) continue;
    const double f = flux[band] / scale, weight = scale / error[band] * (scale / error[band]);
    fot[band] = f * weight;
    ftt[band] = weight;
    foo += f * f * weight;
  }
  e.chi2 = infinity;
  greatest_ = -infinity;
  for (std::size_t t = 0; t < models_.templates; ++t) {
    double* log_p = &log_p_[t * stride];
    const double least =
        chi2_of(&models_.flux[t * bands * stride], bands, stride, fot.data(), ftt.data(), foo, rules_.is_marginalised, chi2_.data(), log_p);
    // The padding is dark, so that its chi2 is the greatest there is.
    if (least < e.chi2) {
      e.chi2 = least;
      e.t_ml = t;
      e.z_ml = std::min(static_cast<std::size_t>(std::find(chi2_.begin(), chi2_.end(), least) - chi2_.begin()), n - 1);
    }
    std::fill(log_p + n, log_p + stride, -infinity);
    greatest_ = std::max(greatest_, add_prior(priors.empty() ? nullptr : priors[t], stride, log_p));
  }
  e.chi2 = std::max(e.chi2, 0.0);  // rounding can leave a perfect fit below 0
}

void Posterior::sum_templates() {
  double* p = raw_.data() + margin_;
  std::fill(p, p + models_.stride, 0.0);
  add_exponentials(log_p_.data(), models_.templates, models_.stride, greatest_, p);
  std::fill(p + models_.z.size(), p + models_.stride, 0.0);
}

void Posterior::smooth() {
  if (window_.empty())
    std::ranges::copy(raw_, p_.begin());
  else
    convolve(raw_.data() + margin_ - window_.size() / 2, models_.stride, window_.data(), window_.size(), p_.data() + margin_);
  const std::span<double> p(p_.data() + margin_, models_.z.size());
  const double least = rules_.least_part * *std::ranges::max_element(p);
  double sum = 0.0;
  for (double& value : p) sum += value = value > least ? value : 0.0;
  for (double& value : p) value /= sum;
}

std::size_t Posterior::likeliest_type(std::size_t z) const noexcept {
  std::size_t best = 0;
  for (std::size_t t = 1; t < models_.templates; ++t)
    if (log_p_[t * models_.stride + z] > log_p_[best * models_.stride + z]) best = t;
  return best;
}

void Posterior::measure(Estimate& e) {
  const std::span<const double> p = probability();
  e.z_b = static_cast<std::size_t>(std::ranges::max_element(p) - p.begin());
  e.t_b = likeliest_type(e.z_b);
  e.has_type = log_p_[e.t_b * models_.stride + e.z_b] > -infinity;
  double sum = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) cumulative_[i] = sum += p[i];
  for (double& value : cumulative_) value /= sum;
  const double z = models_.z[e.z_b], width = rules_.least_error * (1.0 + z);
  e.odds = mass(z - rules_.odds_sigmas * width, z + rules_.odds_sigmas * width);
  for (std::size_t i = 0; i < interval_levels.size(); ++i) e.limits[i] = limits(interval_levels[i], z, sigmas[i] * width);
  e.second = second_solution();
}

std::optional<SecondSolution> Posterior::second_solution() {
  find_hills(probability(), hills_);
  if (hills_.size() < 2) return std::nullopt;
  double sum = 0.0;
  for (const Hill& hill : hills_) sum += hill.probability;
  const Hill& hill = hills_[1];
  SecondSolution second{hill.peak, hill.low, hill.high, likeliest_type(hill.peak), true, hill.probability / sum};
  second.has_type = log_p_[second.t * models_.stride + second.z] > -infinity;
  return second;
}

/// As BPZ counts: from the point before the interval to the first one not below its end.
double Posterior::mass(double from, double to) const {
  const auto& z = models_.z;
  const auto begin = std::ranges::lower_bound(z, from) - z.begin() - 1, end = std::ranges::lower_bound(z, to) - z.begin();
  const double below = begin < 0 ? 0.0 : cumulative_[static_cast<std::size_t>(begin)];
  return (end < std::ssize(z) ? cumulative_[static_cast<std::size_t>(end)] : 1.0) - below;
}

/// Points of the grid that enclose the fraction, moved apart to the half width.
std::array<double, 2> Posterior::limits(double fraction, double z_b, double half_width) const {
  const auto& z = models_.z;
  const auto place = [&](double q) { return std::ranges::lower_bound(cumulative_, q) - cumulative_.begin(); };
  const double outside = (1.0 - fraction) / 2.0;
  const double low = z[static_cast<std::size_t>(std::max<std::ptrdiff_t>(place(outside) - 1, 0))];
  const double high = z[static_cast<std::size_t>(std::min<std::ptrdiff_t>(place(1.0 - outside), std::ssize(z) - 1))];
  return {z_b - half_width < low ? std::max(z_b - half_width, 0.0) : low, std::max(high, z_b + half_width)};
}

}  // namespace skyfold::bpz
