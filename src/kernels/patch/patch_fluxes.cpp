// Fluxes of one source from the pixels around it: aperture, beam fit, Gaussian fit and polarisation, in janskys, each with a flag
// where too few pixels have values. Conventions are in docs/patch.md.
#include "patch_fluxes.hpp"

#include <cmath>
#include <numbers>

#include "skyfold/kernels/patch/fits.hpp"
#include "skyfold/kernels/patch/units.hpp"

namespace skyfold {
namespace {

constexpr double degrees = 180.0 / std::numbers::pi, arcmin = std::numbers::pi / 180.0 / 60.0;
constexpr double arcsec_per_radian = degrees * 3600.0, arcmin_per_radian = degrees * 60.0;
const double fwhm_per_sigma = std::sqrt(8.0 * std::numbers::ln2);

Background background_named(const std::string& name) {
  return name == "median" ? Background::median : name == "mean" ? Background::mean : Background::clipped;
}

/// Weight of the pixels with a value over that of all is at least `least`; false without any.
bool is_covered(std::span<const double> weights, std::span<const double> values, double least) {
  double all = 0.0, with_value = 0.0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    all += weights[i];
    if (!std::isnan(values[i])) with_value += weights[i];
  }
  return with_value > 0.0 && with_value >= least * all;
}

/// Counts pixels within a radius while those with values are gathered.
class Coverage {
 public:
  void add(bool has_value) noexcept { ++all_, found_ += has_value ? 1 : 0; }
  [[nodiscard]] bool is_enough(double least, int needed) const noexcept { return found_ >= needed && found_ >= least * all_; }

 private:
  int all_ = 0, found_ = 0;
};

void set_polarisation(double q, double q_err, double u, double u_err, Measurements& m) {
  const double p = std::hypot(q, u);
  // Errors of Q and U carried to P; without a direction, their mean square.
  const double error = p > 0.0 ? std::hypot(q * q_err, u * u_err) / p : std::hypot(q_err, u_err) / std::numbers::sqrt2;
  m[q_pol_q] = q;
  m[q_pol_u] = u;
  m[q_pol_flux] = p;
  m[q_pol_flux_err] = error;
  // P is never negative, so noise alone makes it positive: the error is taken off in quadrature.
  m[q_pol_flux_debiased] = p > error ? std::sqrt(p * p - error * error) : 0.0;
  m[q_pol_angle] = 0.5 * std::atan2(u, q) * degrees;
  m[q_pol_angle_err] = p > 0.0 ? 0.5 * std::hypot(q * u_err, u * q_err) / (p * p) * degrees : 90.0;
}

/// The pixels of the Gaussian fit, lengths in sigmas of the beam; false when too few have values.
bool gather_gauss_pixels(const Stamp& stamp, const StampValues& values, const FluxSetup& setup, double least, FluxScratch& s) {
  Coverage coverage;
  for (std::vector<double>* buffer : {&s.x, &s.y, &s.value, &s.weight}) buffer->clear();
  for (std::size_t i = 0; i < stamp.pixel.size(); ++i) {
    if (stamp.distance[i] > setup.gauss_radius) continue;
    const bool has_variance = values.variance.empty() || values.variance[i] > 0.0;  // false for NaN
    const bool is_usable = !std::isnan(values.intensity[i]) && has_variance;
    coverage.add(is_usable);
    if (!is_usable) continue;
    s.x.push_back(stamp.x[i] / setup.sigma);
    s.y.push_back(stamp.y[i] / setup.sigma);
    s.value.push_back(values.intensity[i]);
    if (!values.variance.empty()) s.weight.push_back(1.0 / values.variance[i]);
  }
  return coverage.is_enough(least, 8);
}

void set_gauss(const GaussianFit& fit, const FluxSetup& setup, Measurements& m) {
  // The fit's lengths are in units of the beam's sigma: its volume is in map units times sigma squared.
  const double flux = setup.sigma * setup.sigma * setup.jy_per_sr, arcsec = setup.sigma * arcsec_per_radian;
  const double width = setup.sigma * fwhm_per_sigma * arcmin_per_radian;
  m[q_gau_flux] = fit.volume * flux;
  m[q_gau_flux_err] = fit.volume_error * flux;
  m[q_gau_x] = fit.x * arcsec;
  m[q_gau_x_err] = fit.x_error * arcsec;
  m[q_gau_y] = fit.y * arcsec;
  m[q_gau_y_err] = fit.y_error * arcsec;
  m[q_gau_offset] = std::hypot(fit.x, fit.y) * arcsec;
  m[q_gau_fwhm_1] = fit.sigma_1 * width;
  m[q_gau_fwhm_2] = fit.sigma_2 * width;
  m[q_gau_angle] = fit.angle * degrees;
  m[q_gau_fwhm_eff] = std::sqrt(fit.sigma_1 * fit.sigma_2) * width;
  m[q_gau_background] = fit.background;
  m[q_gau_chi2] = fit.chi2;
}

}  // namespace

FluxSetup flux_setup(const PatchMap& map, const PatchOptions& o) {
  const double fwhm = map.beam.fwhm_arcmin * arcmin;
  FluxSetup setup;
  setup.fwhm = fwhm;
  setup.sigma = fwhm / fwhm_per_sigma;
  setup.in_radius = o.k0 * fwhm;
  setup.inner_radius = o.k1 * fwhm;
  setup.outer_radius = o.k2 * fwhm;
  setup.psf_radius = o.psf_radius * fwhm;
  setup.gauss_radius = o.gauss_radius * fwhm;
  setup.beam_sr = beam_area_arcmin2(map.beam) * sr_per_arcmin2;
  setup.jy_per_sr = map.mjy_sr * 1e6;
  // Solid angle of a cap, 2 pi (1 - cos r), without the difference of nearly equal numbers.
  const double half_sine = std::sin(0.5 * setup.in_radius);
  setup.aperture = {background_named(o.background), o.noise == "correlated", 4.0 * std::numbers::pi * half_sine * half_sine,
                    1.13 * fwhm * fwhm, aperture_correction(map.beam, o.k0, o.k1, o.k2)};
  return setup;
}

void measure_aperture(const Stamp& stamp, const Vector3& centre, const StampValues& values, const CircleWeights& circles,
                      const FluxSetup& setup, double min_coverage, FluxScratch& s, Measurements& m) {
  circles.fill(stamp, centre, setup.in_radius, s.in_weight);
  circles.fill(stamp, centre, setup.inner_radius, s.inner_weight);
  circles.fill(stamp, centre, setup.outer_radius, s.ring_weight);
  // The annulus is one circle without another, also for pixels that lie in part in each.
  for (std::size_t i = 0; i < s.ring_weight.size(); ++i) s.ring_weight[i] -= s.inner_weight[i];
  ApertureFlux result;
  const bool is_usable =
      is_covered(s.in_weight, values.intensity, min_coverage) && is_covered(s.ring_weight, values.intensity, min_coverage);
  if (is_usable) result = aperture_flux(values.intensity, s.in_weight, s.ring_weight, setup.aperture, s.sorted);
  if (!is_usable || std::isnan(result.flux)) return set_flag(m, patch_aperture_coverage);
  m[q_aper_flux] = result.flux * setup.jy_per_sr;
  m[q_aper_flux_err] = result.error * setup.jy_per_sr;
  m[q_aper_background] = result.background;
  m[q_aper_noise] = result.noise;
}

void measure_psf(const Stamp& stamp, const StampValues& values, const FluxSetup& setup, double min_coverage, FluxScratch& s,
                 Measurements& m) {
  Coverage coverage;
  for (std::vector<double>* buffer : {&s.beam, &s.value, &s.weight}) buffer->clear();
  for (std::size_t i = 0; i < stamp.pixel.size(); ++i) {
    if (stamp.distance[i] > setup.psf_radius) continue;
    // A pixel without a positive variance has no weight to fit with.
    const bool has_variance = values.variance.empty() || values.variance[i] > 0.0;
    const bool is_usable = !std::isnan(values.intensity[i]) && has_variance;
    coverage.add(is_usable);
    if (!is_usable) continue;
    const double sigmas = stamp.distance[i] / setup.sigma;
    s.beam.push_back(std::exp(-0.5 * sigmas * sigmas));
    s.value.push_back(values.intensity[i]);
    if (!values.variance.empty()) s.weight.push_back(1.0 / values.variance[i]);
  }
  if (!coverage.is_enough(min_coverage, 3)) return set_flag(m, patch_psf_coverage);
  const PsfFit fit = fit_psf(s.beam, s.value, s.weight);
  if (std::isnan(fit.amplitude)) return set_flag(m, patch_psf_coverage);
  m[q_psf_flux] = fit.amplitude * setup.beam_sr * setup.jy_per_sr;
  m[q_psf_flux_err] = fit.amplitude_error * setup.beam_sr * setup.jy_per_sr;
  m[q_psf_background] = fit.background;
}

void measure_gauss(const Stamp& stamp, const StampValues& values, const FluxSetup& setup, const PatchOptions& o, FluxScratch& s,
                   Measurements& m) {
  // Stands where the fit is not even begun.
  m[q_gau_status] = static_cast<double>(FitStatus::too_few_pixels);
  if (!gather_gauss_pixels(stamp, values, setup, o.min_coverage, s)) return set_flag(m, patch_gauss_coverage);
  const GaussianFit fit = fit_gaussian({s.x, s.y, s.value, s.weight}, o.gauss_iterations);
  m[q_gau_status] = static_cast<double>(fit.status);
  m[q_gau_iterations] = fit.iterations;
  set_gauss(fit, setup, m);
  if (fit.status != FitStatus::converged) set_flag(m, patch_gauss_failed);
}

void measure_polarisation(const Stamp& stamp, const StampValues& values, bool is_iau, const FluxSetup& setup, double min_coverage,
                          FluxScratch& s, Measurements& m) {
  Coverage coverage;
  for (std::vector<double>* buffer : {&s.beam, &s.q, &s.u}) buffer->clear();
  for (std::size_t i = 0; i < stamp.pixel.size(); ++i) {
    if (stamp.distance[i] > setup.psf_radius) continue;
    const double q = values.q[i], u = is_iau ? values.u[i] : -values.u[i];
    const bool is_usable = !std::isnan(q) && !std::isnan(u);
    coverage.add(is_usable);
    if (!is_usable) continue;
    const double sigmas = stamp.distance[i] / setup.sigma;
    s.beam.push_back(std::exp(-0.5 * sigmas * sigmas));
    // In the IAU convention a turn of the axes by psi (east toward north) takes 2 psi off the phase of Q + iU.
    s.q.push_back(q * stamp.cos_2psi[i] + u * stamp.sin_2psi[i]);
    s.u.push_back(u * stamp.cos_2psi[i] - q * stamp.sin_2psi[i]);
  }
  if (!coverage.is_enough(min_coverage, 3)) return set_flag(m, patch_polarisation_coverage);
  const PsfFit q = fit_psf(s.beam, s.q, {}), u = fit_psf(s.beam, s.u, {});
  if (std::isnan(q.amplitude)) return set_flag(m, patch_polarisation_coverage);
  const double flux = setup.beam_sr * setup.jy_per_sr;
  set_polarisation(q.amplitude * flux, q.amplitude_error * flux, u.amplitude * flux, u.amplitude_error * flux, m);
}

}  // namespace skyfold
