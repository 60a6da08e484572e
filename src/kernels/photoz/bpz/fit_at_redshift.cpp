// What templates say of objects whose redshifts are known: for zero-point shifts and for the prior's parameters.
#include "fit_at_redshift.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../templates/known_redshifts.hpp"

namespace skyfold::bpz {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

FitAtRedshift::FitAtRedshift(const ModelFluxes& models, const FluxRules& rules, const TrainingSet& set)
    : models_(models),
      rules_(rules),
      set_(set),
      flux_(models.bands),
      weight_(models.bands),
      model_(models.templates * models.bands),
      chi2_(models.templates),
      amplitude_(models.templates) {}

/// Fluxes relative to the brightest one, and models at the redshift.
bool FitAtRedshift::take(std::size_t object, std::span<const double> shift) {
  const std::vector<double>& z = models_.z;
  const double step = (z.back() - z.front()) / static_cast<double>(z.size() - 1), place = (set_.z[object] - z.front()) / step;
  if (!(place > -1.0) || !(place < static_cast<double>(z.size()))) return false;
  scale_ = 0.0;
  for (std::size_t band = 0; band < models_.bands; ++band) {
    flux_[band] = weight_[band] = 0.0;
    const std::size_t cell = object * models_.bands + band;
    const double mag = set_.photometry.mag[cell], error = set_.photometry.mag_err[cell];
    if (!is_observed(set_.photometry, object, band) || std::isnan(error)) continue;
    const MeasuredFlux measured = error == error_of_limit ? undetected_flux(rules_, band, mag, 0.0, shift[band])
                                                          : detected_flux(rules_, band, mag, error, shift[band]);
    flux_[band] = measured.flux;
    weight_[band] = measured.error;
    scale_ = std::max(scale_, measured.flux);
  }
  if (!(scale_ > 0.0)) return false;
  for (std::size_t band = 0; band < models_.bands; ++band) {
    flux_[band] /= scale_;
    if (weight_[band] > 0.0) weight_[band] = scale_ / weight_[band] * (scale_ / weight_[band]);
  }
  const auto below = static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(z.size() - 2)));
  const double part = std::clamp(place - static_cast<double>(below), 0.0, 1.0);
  for (std::size_t row = 0; row < model_.size(); ++row) {
    const double* flux = &models_.flux[row * z.size() + below];
    model_[row] = (1.0 - part) * flux[0] + part * flux[1];
  }
  return true;
}

std::span<const double> FitAtRedshift::chi2(std::size_t object, std::span<const double> shift) {
  if (!take(object, shift)) return {};
  for (std::size_t t = 0; t < models_.templates; ++t) {
    const double* model = &model_[t * models_.bands];
    double oo = 0.0, ot = 0.0, tt = 0.0;
    for (std::size_t band = 0; band < models_.bands; ++band) {
      oo += flux_[band] * flux_[band] * weight_[band];
      ot += flux_[band] * model[band] * weight_[band];
      tt += model[band] * model[band] * weight_[band];
    }
    amplitude_[t] = tt > 0.0 ? ot / tt : 0.0;
    chi2_[t] = oo - amplitude_[t] * ot;
  }
  return chi2_;
}

void FitAtRedshift::fit(std::size_t object, std::span<const double> shift, std::span<double> model) {
  const std::span<const double> chi2s = chi2(object, shift);
  if (chi2s.empty()) return;
  const auto best = static_cast<std::size_t>(std::ranges::min_element(chi2s) - chi2s.begin());
  for (std::size_t band = 0; band < models_.bands; ++band) {
    const double flux = scale_ * amplitude_[best] * model_[best * models_.bands + band];
    model[band] = flux > 0.0 ? -2.5 * std::log10(flux) : nan;
  }
}

}  // namespace skyfold::bpz
