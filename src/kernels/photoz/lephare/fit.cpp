// One object against all models: chi2 with the best amplitude, limits, prior, and what is read off the least chi2 at each redshift.
#include "fit.hpp"

#include <algorithm>
#include <cmath>

#include "../../templates/chi_square.hpp"

namespace skyfold::lephare {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double negligible = -60.0;  // ln of a part of the greatest probability: all models together then add 1e-22 of it
constexpr double least_exponent = -690.0;

/// What a model is compared with.
struct RowTerms {
  const double *fot, *ftt;     ///< [bands]
  double foo;                  ///< sum of f^2 / e^2
  const double* base;          ///< added: the prior, infinity where there is no redshift, [stride]
  double rest;                 ///< flux at rest, whose product with the amplitude lies within the next two rows; unused without them
  const double *least, *most;  ///< nullptr: no such limits
  const double* limit;         ///< greatest flux of each band; nullptr: none
};

/// chi2 of a model at all redshifts, infinity where its amplitude s breaks a limit, and the least values of all models along with it.
///
/// @tparam n_bands  0: as many as `bands` says
template <std::size_t n_bands, bool is_limited>
SKYFOLD_INLINE void fit_row_of(const double* model, std::size_t bands, std::size_t stride, const RowTerms& t, double* chi2, double* least) {
  for (std::size_t i = 0; i < stride; i += n_lanes) {
    const auto [ot, tt] = flux_products(model, n_bands > 0 ? n_bands : bands, stride, t.fot, t.ftt, i);
    const auto is_bright = (tt > 0.0) & (ot > 0.0);
    Lanes value = t.foo - (is_bright ? ot * ot / tt : Lanes{});
    value = value > 0.0 ? value : Lanes{};  // rounding can leave a perfect fit below 0
    if constexpr (is_limited) {
      const Lanes s = is_bright ? ot / tt : Lanes{};
      if (t.least) {
        const Lanes brightness = s * t.rest;
        value = (brightness >= load(t.least + i)) & (brightness <= load(t.most + i)) ? value : Lanes{} + infinity;
      }
      for (std::size_t band = 0; t.limit && band < bands; ++band)
        if (t.limit[band] < infinity) value = s * load(model + band * stride + i) <= t.limit[band] ? value : Lanes{} + infinity;
    }
    value += load(t.base + i);
    store(chi2 + i, value);
    const Lanes before = load(least + i);
    store(least + i, value < before ? value : before);
  }
}

template <bool is_limited>
SKYFOLD_INLINE void fit_row_of_bands(const double* model, std::size_t bands, std::size_t stride, const RowTerms& t, double* chi2,
                                     double* least) {
  // Surveys' usual numbers of bands: the sums then stay in registers.
  if (bands == 4) return fit_row_of<4, is_limited>(model, bands, stride, t, chi2, least);
  if (bands == 5) return fit_row_of<5, is_limited>(model, bands, stride, t, chi2, least);
  if (bands == 6) return fit_row_of<6, is_limited>(model, bands, stride, t, chi2, least);
  fit_row_of<0, is_limited>(model, bands, stride, t, chi2, least);
}

SKYFOLD_CLONES
void fit_row(const double* model, std::size_t bands, std::size_t stride, const RowTerms& t, double* chi2, double* least) {
  fit_row_of_bands<false>(model, bands, stride, t, chi2, least);
}
SKYFOLD_CLONES
void fit_limited_row(const double* model, std::size_t bands, std::size_t stride, const RowTerms& t, double* chi2, double* least) {
  fit_row_of_bands<true>(model, bands, stride, t, chi2, least);
}

/// exp(-(chi2 - least) / 2), added.
SKYFOLD_CLONES
void add_likelihoods(const double* chi2, std::size_t rows, std::size_t stride, double least, double* p) {
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t i = 0; i < stride; i += n_lanes) {
      const Lanes x = (load(chi2 + row * stride + i) - least) * -0.5;
      if (std::max(std::max(x[0], x[1]), std::max(x[2], x[3])) < negligible) continue;
      store(p + i, load(p + i) + exponential(x > least_exponent ? x : Lanes{} + least_exponent));
    }
}

}  // namespace

Grid grid_from(const std::vector<Model>& models, std::size_t bands, std::vector<double> z) {
  Grid grid{models.size(), bands, padded(z.size()), std::move(z), {}};
  grid.flux.assign(grid.models * bands * grid.stride, 0.0);
  for (std::size_t model = 0; model < models.size(); ++model)
    for (std::size_t band = 0; band < bands; ++band)
      std::copy_n(&models[model].flux[band * grid.z.size()], grid.z.size(), &grid.flux[(model * bands + band) * grid.stride]);
  return grid;
}

AbsoluteLimits absolute_limits(const std::vector<Model>& models, std::size_t band, std::array<double, 2> magnitudes,
                               const Cosmology& cosmology, const Grid& grid) {
  AbsoluteLimits limits;
  for (const Model& model : models) limits.rest.push_back(model.rest[band]);
  limits.least.assign(grid.stride, 0.0);
  limits.most.assign(grid.stride, infinity);
  for (std::size_t i = 0; i < grid.z.size(); ++i) {
    // M = -2.5 log10(s rest (1 + z)) - DM, see docs/lephare.md.
    const double dimming = distance_modulus(cosmology, grid.z[i]) + 2.5 * std::log10(1.0 + grid.z[i]);
    limits.least[i] = std::pow(10.0, -0.4 * (magnitudes[1] + dimming));
    limits.most[i] = std::pow(10.0, -0.4 * (magnitudes[0] + dimming));
  }
  return limits;
}

Fit::Fit(const Grid& grid, const AbsoluteLimits& limits)
    : grid_(grid),
      limits_(limits),
      fot_(grid.bands),
      ftt_(grid.bands),
      rejecting_(grid.bands),
      chi2_(grid.models * grid.stride),
      least_(grid.stride),
      no_prior_(grid.stride, infinity),
      p_(grid.stride) {
  std::fill_n(no_prior_.begin(), grid.z.size(), 0.0);
}

Best Fit::best(const Observed& object, const RedshiftPrior* prior, std::span<const std::size_t> types) {
  const std::size_t bands = grid_.bands, stride = grid_.stride;
  // Relative to the brightest flux: squares of fluxes of 1e-12 are near the end of what models can be multiplied with.
  double foo = 0.0;
  scale_ = 0.0;
  for (std::size_t band = 0; band < bands; ++band)
    if (object.error[band] > 0.0) scale_ = std::max({scale_, std::abs(object.flux[band]), object.error[band]});
  for (std::size_t band = 0; band < bands; ++band) {
    fot_[band] = ftt_[band] = 0.0;
    rejecting_[band] = object.limit[band] / scale_;
    if (!(object.error[band] > 0.0)) continue;
    const double f = object.flux[band] / scale_, weight = scale_ / object.error[band] * (scale_ / object.error[band]);
    fot_[band] = f * weight;
    ftt_[band] = weight;
    foo += f * f * weight;
  }
  std::ranges::fill(least_, infinity);
  const bool has_absolute = !limits_.rest.empty(), is_limited = has_absolute || object.has_limits;
  RowTerms terms{fot_.data(),
                 ftt_.data(),
                 foo,
                 no_prior_.data(),
                 0.0,
                 has_absolute ? limits_.least.data() : nullptr,
                 limits_.most.data(),
                 object.has_limits ? rejecting_.data() : nullptr};
  for (std::size_t model = 0; model < grid_.models; ++model) {
    if (prior) terms.base = prior->row(types[model]);
    // Amplitudes are relative to the brightest flux, and so are the limits of the band at rest.
    if (has_absolute) terms.rest = limits_.rest[model] * scale_;
    (is_limited ? fit_limited_row : fit_row)(&grid_.flux[model * bands * stride], bands, stride, terms, &chi2_[model * stride],
                                             least_.data());
  }
  Best best;
  at_ = best.at = static_cast<std::size_t>(std::ranges::min_element(least_) - least_.begin());
  if (!(least_[at_] < infinity)) return best;
  best.is_there = true;
  while (chi2_[best.model * stride + at_] != least_[at_]) ++best.model;
  double ot = 0.0, tt = 0.0;
  for (std::size_t band = 0; band < bands; ++band) {
    const double flux = grid_.flux[(best.model * bands + band) * stride + at_];
    ot += flux * fot_[band];
    tt += flux * flux * ftt_[band];
  }
  const double amplitude = tt > 0.0 ? std::max(ot / tt, 0.0) : 0.0;
  best.chi2 = std::max(foo - amplitude * ot, 0.0);
  best.scale = amplitude * scale_;
  take_vertex();
  best.z = vertex_z_;
  return best;
}

/// The parabola through the least chi2 and its neighbours; at an end of the grid, or beside what is rejected, there is none.
void Fit::take_vertex() {
  const std::vector<double>& z = grid_.z;
  vertex_z_ = z[at_];
  vertex_chi2_ = least_[at_];
  curvature_ = 0.0;
  if (at_ == 0 || at_ + 1 >= z.size()) return;
  const double before = least_[at_ - 1], after = least_[at_ + 1], curvature = before - 2.0 * least_[at_] + after;
  if (!(curvature > 0.0) || !(curvature < infinity)) return;
  const double difference = before - after;
  curvature_ = curvature;
  vertex_z_ += 0.5 * difference / curvature * (z[at_ + 1] - z[at_]);
  vertex_chi2_ -= difference * difference / (8.0 * curvature);
}

std::array<double, 2> Fit::interval(double delta) const {
  const std::vector<double>& z = grid_.z;
  const double target = vertex_chi2_ + delta;
  if (least_[at_] > target) {
    // Narrower than a step of the grid: by the parabola.
    const double half = (z[1] - z[0]) * std::sqrt(2.0 * delta / curvature_);
    return {vertex_z_ - half, vertex_z_ + half};
  }
  const auto crossing = [&](std::size_t inside, std::size_t outside) {
    if (!(least_[outside] < infinity)) return z[inside];
    const double part = (target - least_[inside]) / (least_[outside] - least_[inside]);
    return z[inside] + part * (z[outside] - z[inside]);
  };
  std::size_t first = 0, last = z.size() - 1;
  while (least_[first] > target) ++first;
  while (least_[last] > target) --last;
  const double low = first == 0 ? z.front() : crossing(first, first - 1), high = last + 1 == z.size() ? z.back() : crossing(last, last + 1);
  return {std::min(low, vertex_z_), std::max(high, vertex_z_)};
}

std::span<const double> Fit::probability(bool of_all) {
  std::ranges::fill(p_, 0.0);
  add_likelihoods(of_all ? chi2_.data() : least_.data(), of_all ? grid_.models : 1, grid_.stride, least_[at_], p_.data());
  const std::span<double> p(p_.data(), grid_.z.size());
  double sum = 0.0;
  for (const double value : p) sum += value;
  for (double& value : p) value /= sum;
  return p;
}

void fill_cumulative(std::span<const double> p, std::vector<double>& cumulative) {
  cumulative.resize(p.size());
  cumulative[0] = 0.0;
  for (std::size_t i = 1; i < p.size(); ++i) cumulative[i] = cumulative[i - 1] + 0.5 * (p[i - 1] + p[i]);
  const double all = cumulative.back();
  for (double& value : cumulative) value /= all;
}

double quantile_of(std::span<const double> z, std::span<const double> cumulative, double q) {
  const auto next = static_cast<std::size_t>(
      std::clamp<std::ptrdiff_t>(std::ranges::lower_bound(cumulative, q) - cumulative.begin(), 1, std::ssize(z) - 1));
  const double below = cumulative[next - 1], step = cumulative[next] - below;
  return step > 0.0 ? z[next - 1] + (q - below) / step * (z[next] - z[next - 1]) : z[next];
}

}  // namespace skyfold::lephare
