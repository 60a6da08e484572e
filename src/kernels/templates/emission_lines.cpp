// Emission lines whose strength follows from the ultraviolet light of a spectrum.
#include "skyfold/kernels/templates/emission_lines.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "skyfold/kernels/templates/synthetic.hpp"

namespace skyfold {
namespace {

struct EmissionLine {
  double wavelength;  ///< angstrom, in air or vacuum: the difference is below the width
  double of_h_beta;
};
// Ratios of Ilbert et al. 2009 as the public LePhare has them. Of Lyman alpha, 22.2 by its recombination, 0.445 escapes where there is no
// dust (Hayes et al. 2011, ApJ 730, 8).
constexpr EmissionLine lines[] = {{1215.67, 22.2 * 0.445}, {3726.04, 0.81}, {3728.8, 0.81}, {4861.35, 1.0},
                                  {4958.91, 0.21},         {5006.84, 0.59}, {6562.79, 2.90}};
constexpr double h_alpha_of_h_beta = 2.85;                  // by which the relation for H alpha is taken to H beta
constexpr double h_alpha_of_nuv = -6.224;                   // log10 of erg/s/cm^2 at NUV = 0
constexpr double sigma_of_wavelength = 300.0 / 299792.458;  // 300 km/s
constexpr double half_width = 5.0;                          // of a line, in sigmas
constexpr int points_of_half = 20;

Curve box(const char* name, double from, double to) { return {name, {from, from + 1.0, to - 1.0, to}, {0.0, 1.0, 1.0, 0.0}}; }

double magnitude(const Curve& sed, const Curve& filter) {
  const double flux = band_flux(sed, filter, 0.0);
  return flux > 0.0 ? -2.5 * std::log10(flux) - 48.60 : std::nan("");
}

double value_at(const Curve& sed, double wavelength) {
  const auto& w = sed.wavelength;
  if (wavelength < w.front() || wavelength > w.back()) return 0.0;
  const auto next =
      static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(std::ranges::upper_bound(w, wavelength) - w.begin(), 1, std::ssize(w) - 1));
  const double part = (wavelength - w[next - 1]) / (w[next] - w[next - 1]);
  return sed.value[next - 1] + part * (sed.value[next] - sed.value[next - 1]);
}

double profile(const EmissionLine& line, double wavelength) {
  const double sigma = line.wavelength * sigma_of_wavelength, x = (wavelength - line.wavelength) / sigma;
  if (std::abs(x) > half_width + 1e-9) return 0.0;
  return std::exp(-0.5 * x * x) / (sigma * std::sqrt(2.0 * std::numbers::pi));
}

}  // namespace

RestMagnitudes rest_magnitudes(const Curve& sed) {
  return {magnitude(sed, box("nuv", 2100.0, 2500.0)), magnitude(sed, box("r", 5500.0, 6500.0)), magnitude(sed, box("k", 21000.0, 23000.0))};
}

bool has_lines(const RestMagnitudes& rest) { return rest.nuv - rest.r < 4.0; }

Curve with_lines(const Curve& sed, double strength) {
  const double nuv = rest_magnitudes(sed).nuv;
  if (strength == 0.0 || std::isnan(nuv)) return sed;
  const double h_beta = strength * std::pow(10.0, -0.4 * nuv + h_alpha_of_nuv) / h_alpha_of_h_beta;
  Curve curve{sed.name, sed.wavelength, {}};
  for (const EmissionLine& line : lines)
    for (int i = -points_of_half; i <= points_of_half; ++i) {
      const double wavelength = line.wavelength * (1.0 + half_width * i / points_of_half * sigma_of_wavelength);
      if (wavelength > sed.wavelength.front() && wavelength < sed.wavelength.back()) curve.wavelength.push_back(wavelength);
    }
  std::ranges::sort(curve.wavelength);
  const auto repeated = std::ranges::unique(curve.wavelength);
  curve.wavelength.erase(repeated.begin(), repeated.end());
  for (const double wavelength : curve.wavelength) {
    double value = value_at(sed, wavelength);
    for (const EmissionLine& line : lines) value += h_beta * line.of_h_beta * profile(line, wavelength);
    curve.value.push_back(value);
  }
  return curve;
}

}  // namespace skyfold
