// The objects of the synthetic sky: magnitudes, redshifts, types and colours of galaxies and stars. Formulas and their papers are
// in docs/mock.md.
#include "skyfold/kernels/mock/population.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "skyfold/kernels/mock/deviates.hpp"

namespace skyfold {
namespace {

constexpr std::size_t n_redshifts = 401, n_types = 11;
constexpr double mag_per_ln = 1.0857362047581294;  // 2.5 / ln 10

double smooth_step(double x) noexcept { return 1.0 / (1.0 + std::exp(-x)); }

double emission_lines(double angstrom, double type) noexcept {
  struct Line {
    double angstrom, equivalent_width;
  };
  // [OII], [OIII] and Hbeta, Halpha
  constexpr std::array<Line, 3> lines = {{{3727.0, 40.0}, {4990.0, 45.0}, {6563.0, 80.0}}};
  constexpr double sigma = 25.0, area = 2.5066282746 * sigma;
  double sum = 0.0;
  for (const auto& line : lines) {
    const double x = (angstrom - line.angstrom) / sigma;
    if (std::abs(x) < 8.0) sum += line.equivalent_width / area * std::exp(-0.5 * x * x);
  }
  return type * type * sum;
}

/// Optical depth of the intergalactic hydrogen: Lyman alpha (Madau 1995, ApJ 441, 18) from the line down to the
/// Lyman limit, and an opaque continuum below.
double igm_depth(double rest_angstrom, double redshift) noexcept {
  if (rest_angstrom >= 1215.67) return 0.0;
  if (rest_angstrom < 912.0) return 6.0;
  return 0.0036 * std::pow(rest_angstrom * (1.0 + redshift) / 1215.67, 3.46);
}

/// A spectrum sampled evenly in ln(wavelength), so that band integrals need no exponentials.
class SampledSpectrum {
 public:
  explicit SampledSpectrum(double type) {
    for (std::size_t i = 0; i < flux_.size(); ++i)
      flux_[i] = std::exp(log_spectrum(std::exp(log_low + static_cast<double>(i) * step), type));
  }
  [[nodiscard]] double operator()(double log_angstrom) const noexcept {
    // A little less than the last sample, so that there is one above it to interpolate with.
    const double x = std::clamp((log_angstrom - log_low) / step, 0.0, static_cast<double>(n_samples) - 1.001);
    const auto i = static_cast<std::size_t>(x);
    const double f = x - static_cast<double>(i);
    return (1.0 - f) * flux_[i] + f * flux_[i + 1];
  }

 private:
  static constexpr double log_low = 6.2146080984;  // ln 500
  static constexpr double step = 1e-3;             // 4 A at 4000 A
  static constexpr std::size_t n_samples = 3200;   // to 12,250 A
  std::array<double, n_samples> flux_;
};

/// A band sampled in wavelength. A magnitude is AB: the mean of f_nu weighted with transmission / wavelength
/// (photon counting).
class SampledBand {
 public:
  explicit SampledBand(const MockBand& band) {
    constexpr double edge = 60.0;  // angstrom over which the transmission falls
    const double low = band.low_angstrom - 4.0 * edge, width = band.high_angstrom + 4.0 * edge - low;
    double total = 0.0;
    for (std::size_t i = 0; i < n_samples; ++i) {
      angstrom_[i] = low + (static_cast<double>(i) + 0.5) * width / n_samples;
      log_angstrom_[i] = std::log(angstrom_[i]);
      weight_[i] =
          smooth_step((angstrom_[i] - band.low_angstrom) / edge) * smooth_step((band.high_angstrom - angstrom_[i]) / edge) / angstrom_[i];
      total += weight_[i];
    }
    for (double& weight : weight_) weight /= total;
  }
  [[nodiscard]] double magnitude(const SampledSpectrum& spectrum, double redshift) const noexcept {
    const double shift = std::log1p(redshift);
    double flux = 0.0;
    for (std::size_t i = 0; i < n_samples; ++i) {
      // In ln(wavelength) a redshift is a shift.
      const double rest_flux = weight_[i] * spectrum(log_angstrom_[i] - shift);
      const double depth = igm_depth(angstrom_[i] / (1.0 + redshift), redshift);
      flux += depth > 0.0 ? rest_flux * std::exp(-depth) : rest_flux;
    }
    return -mag_per_ln * std::log(flux);
  }

 private:
  static constexpr std::size_t n_samples = 64;
  std::array<double, n_samples> angstrom_, log_angstrom_, weight_;
};

/// Part of old, red galaxies among those of magnitude i: f exp(-k (m - 20)) with f = 0.35, k = 0.147 for E/S0
/// (Benitez 2000, ApJ 536, 571, table 1), falling at redshifts where few had formed.
double red_fraction(double i, double redshift) noexcept {
  const double young_universe = 1.0 / (1.0 + redshift * redshift * redshift);
  return 0.35 * std::exp(-0.147 * (std::max(i, 18.0) - 20.0)) * young_universe;
}

/// Magnitude from counts 10^(slope m) between `bright` and `faint`, the faint end smoothed by a Gaussian.
double draw_magnitude(ObjectRandom& random, double slope, double bright, double faint) noexcept {
  constexpr double softness = 0.2;
  // The inverse of the cumulative counts, between the two ends.
  const double cut = std::pow(10.0, slope * (bright - faint));
  const double u = cut + (1.0 - cut) * open_uniform(random);
  return faint + std::log10(u) / slope + softness * normal_deviate(random);
}

/// With t = (z/z0)^1.5 the distribution z^2 exp(-(z/z0)^1.5) dz is t exp(-t) dt: the sum of two exponential deviates.
double draw_redshift(ObjectRandom& random, double z0) noexcept {
  const double first = open_uniform(random), second = open_uniform(random);
  const double root = std::cbrt(-std::log(first * second));
  return std::min(z0 * root * root, GalaxyColours::z_max);
}

double draw_type(ObjectRandom& random, double i, double redshift) noexcept {
  const bool is_red = open_uniform(random) < red_fraction(i, redshift);
  const double deviate = normal_deviate(random);
  return std::clamp(is_red ? 0.10 + 0.08 * deviate : 0.66 + 0.15 * deviate, 0.0, 1.0);
}

/// Reddening m_band - m_i per magnitude of E(B-V), for extinction that goes as wavelength^-1.2, R_V = 3.1.
MockMagnitudes reddening() noexcept {
  MockMagnitudes slope;
  for (std::size_t b = 0; b < mock_band_count; ++b) {
    const auto centre = [](const MockBand& band) { return 0.5 * (band.low_angstrom + band.high_angstrom); };
    const auto extinction = [](double angstrom) { return 3.1 * std::pow(angstrom / 5500.0, -1.2); };
    slope[b] = extinction(centre(mock_bands[b])) - extinction(centre(mock_bands[mock_i_band]));
  }
  return slope;
}

}  // namespace

double redshift_scale(double i) noexcept {
  // Median of p(z) is 1.412 z0. The median itself is linear in i (docs/mock.md).
  const double median = std::max(0.05, 0.62 + 0.1115 * (i - 22.0));
  return median / 1.412;
}

double log_spectrum(double angstrom, double type) noexcept {
  const auto between = [type](double red, double blue) { return red + type * (blue - red); };
  const double x = std::log(angstrom / 5500.0);
  const double continuum = between(2.2, 0.5) * x - between(0.8, 0.1) * x * x;
  const double ultraviolet = between(1.0, -0.3) * std::min(0.0, std::log(angstrom / 4000.0));
  const double break_4000 = between(0.64, 0.24) * smooth_step((4000.0 - angstrom) / 60.0);
  const double break_balmer = (0.15 + 1.2 * type * (1.0 - type)) * smooth_step((3646.0 - angstrom) / 40.0);
  return continuum + ultraviolet - break_4000 - break_balmer + std::log1p(emission_lines(angstrom, type));
}

GalaxyColours::GalaxyColours() : grid_(n_redshifts * n_types) {
  std::vector<SampledBand> bands(mock_bands.begin(), mock_bands.end());
  for (std::size_t t = 0; t < n_types; ++t) {
    const SampledSpectrum spectrum(static_cast<double>(t) / (n_types - 1));
    for (std::size_t k = 0; k < n_redshifts; ++k) {
      const double redshift = z_max * static_cast<double>(k) / (n_redshifts - 1);
      auto& colour = grid_[k * n_types + t];
      for (std::size_t b = 0; b < mock_band_count; ++b) colour[b] = bands[b].magnitude(spectrum, redshift);
      const double i = colour[mock_i_band];
      for (double& m : colour) m -= i;
    }
  }
}

MockMagnitudes GalaxyColours::operator()(double redshift, double type) const noexcept {
  const double z = redshift / z_max * (n_redshifts - 1), t = type * (n_types - 1);
  // Bilinear between the four corners; at the upper ends the last cell serves.
  const auto k = std::min(static_cast<std::size_t>(z), n_redshifts - 2);
  const auto j = std::min(static_cast<std::size_t>(t), n_types - 2);
  const double fz = z - static_cast<double>(k), ft = t - static_cast<double>(j);
  const MockMagnitudes* corner = &grid_[k * n_types + j];
  MockMagnitudes colour;
  for (std::size_t b = 0; b < mock_band_count; ++b)
    colour[b] =
        (1.0 - fz) * ((1.0 - ft) * corner[0][b] + ft * corner[1][b]) + fz * ((1.0 - ft) * corner[n_types][b] + ft * corner[n_types + 1][b]);
  return colour;
}

MockMagnitudes star_colours(double x) noexcept {
  // g - r of the main stellar locus as a function of x = r - i (Juric et al. 2008, ApJ 673, 864).
  const double g_minus_r = 1.39 * (1.0 - std::exp(((-4.9 * x - 2.45) * x - 1.68) * x - 0.050));
  const double i_minus_z = 0.55 * x, z_minus_y = 0.15 * x;  // straight lines near the observed locus
  return {g_minus_r + x, x, 0.0, -i_minus_z, -i_minus_z - z_minus_y};
}

TrueObject Population::draw(ObjectRandom& random, double i_depth) const noexcept {
  // The same for all objects; made once, by whichever thread comes first.
  static const MockMagnitudes reddening_slope = reddening();
  constexpr double bright = 16.0, star_slope = 0.15, faint_below_depth = -0.15;
  const double faint = i_depth + faint_below_depth;

  TrueObject object;
  object.is_star = open_uniform(random) < options_.star_fraction;
  const double i = draw_magnitude(random, object.is_star ? star_slope : count_slope, bright, faint);
  double ebv = 0.0;
  if (object.is_star) {
    const bool is_m_dwarf = open_uniform(random) < 0.45;
    const double deviate = normal_deviate(random);
    object.mag = star_colours(std::clamp(is_m_dwarf ? 1.05 + 0.38 * deviate : 0.15 + 0.09 * deviate, -0.1, 2.3));
  } else {
    object.redshift = draw_redshift(random, redshift_scale(i));
    object.type = draw_type(random, i, object.redshift);
    object.mag = colours_(object.redshift, object.type);
    ebv = 0.04 * object.type * std::abs(normal_deviate(random));
  }
  for (std::size_t b = 0; b < mock_band_count; ++b)
    object.mag[b] += i + ebv * reddening_slope[b] + options_.colour_scatter * normal_deviate(random);
  return object;
}

}  // namespace skyfold
