// Spectra and filters that are built in.
//
// Provenance: El, Sbc, Scd and Im are the galaxies of Coleman, Wu & Weedman 1980, ApJS 43, 393, SB3 and SB2 those of Kinney et al. 1996,
// ApJ 467, 38, all as recalibrated by Benitez et al. 2004, ApJS 150, 1; ssp_25Myr and ssp_5Myr are stellar populations of metallicity 0.008
// of Bruzual & Charlot 2003, MNRAS 344, 1000, as added by Coe et al. 2006, AJ 132, 926. Nodes of log10 f_lambda were fitted to these
// published spectra by least squares of the flux relative to the model, on a grid that is even in the logarithm of the wavelength; between
// nodes log f is linear in log lambda. Trapezoids of LSST are drawn along the throughputs of its filters (0, full, full, 0); those of DES
// reach half of their height at g 4055-5475, r 5670-7155, i 7080-8560, z 8490-9970, Y 9510-10215 angstrom, with flanks of 100 angstrom; the
// throughputs of its DR1 (Abbott et al. 2018, ApJS 239, 18) begin 125 angstrom later in g and end 50 earlier in Y. Quasars are power laws
// of four slopes about that of Vanden Berk et al. 2001, AJ 122, 549 (f_lambda ~ lambda^-1.54), with its strongest lines; stars are black
// bodies.
#include "skyfold/kernels/templates/builtin.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr std::size_t n_nodes = 24;
using Nodes = std::array<double, n_nodes>;

constexpr Nodes node_wavelengths = {912,  1000, 1216, 1400, 1700, 2000, 2300, 2640, 2800, 3200,  3600,  3750,
                                    3950, 4050, 4300, 4700, 5100, 5600, 6300, 7000, 8000, 10000, 14000, 25000};

struct NodedSpectrum {
  const char* name;
  Nodes log_flux;  ///< log10 of f_lambda, any scale
};
constexpr NodedSpectrum cwwsb[] = {
    {"El", {-1.482, -1.443, -1.398, -1.413, -1.550, -1.429, -1.336, -1.160, -0.853, -0.505, -0.414, -0.403,
            -0.387, -0.147, -0.128, 0.053,  -0.001, 0.052,  0.051,  0.046,  0.019,  -0.109, -0.186, -1.012}},
    {"Sbc", {-0.651, -0.590, -0.469, -0.392, -0.282, -0.267, -0.326, -0.339, -0.361, -0.304, -0.129, -0.066,
             -0.001, 0.069,  0.076,  0.135,  0.101,  0.119,  0.094,  0.079,  0.014,  -0.037, -0.139, -0.936}},
    {"Scd", {0.238, 0.247, 0.272, 0.292, 0.332, 0.288, 0.180, 0.111, 0.102, 0.113,  0.109,  0.214,
             0.222, 0.282, 0.273, 0.312, 0.284, 0.254, 0.230, 0.187, 0.094, -0.052, -0.200, -0.993}},
    {"Im", {0.749, 0.756, 0.750, 0.722, 0.667, 0.584, 0.476, 0.372, 0.326, 0.271,  0.246,  0.428,
            0.322, 0.385, 0.344, 0.350, 0.350, 0.212, 0.187, 0.128, 0.039, -0.069, -0.333, -0.962}},
    {"SB3", {0.805, 0.780, 0.755, 0.671, 0.594, 0.469, 0.399, 0.334, 0.302, 0.251,  0.114,  0.252,
             0.238, 0.310, 0.297, 0.294, 0.245, 0.180, 0.213, 0.095, 0.057, -0.019, -0.255, -0.976}},
    {"SB2", {1.155, 1.139, 1.085, 1.031, 0.917, 0.740, 0.645, 0.576, 0.489, 0.437,  0.392,  0.560,
             0.413, 0.428, 0.392, 0.386, 0.475, 0.140, 0.226, 0.121, 0.047, -0.141, -0.354, -1.074}},
    {"ssp_25Myr", {0.414, 1.415, 1.284, 1.225, 1.011, 0.867,  0.734,  0.586,  0.531,  0.390,  0.233,  0.274,
                   0.339, 0.321, 0.253, 0.159, 0.060, -0.018, -0.131, -0.224, -0.333, -0.511, -0.725, -1.479}},
    {"ssp_5Myr", {1.590, 1.919, 1.732, 1.615, 1.391, 1.229,  1.074,  0.895,  0.826,  0.652,  0.530,  0.473,
                  0.466, 0.440, 0.357, 0.216, 0.101, -0.027, -0.190, -0.329, -0.523, -0.832, -1.321, -2.208}},
};

struct Trapezoid {
  const char* set;
  const char* band;
  std::array<double, 4> corner;  ///< angstrom
};
constexpr Trapezoid trapezoids[] = {
    {"lsst", "u", {3188, 3524, 3895, 4077}}, {"lsst", "g", {3851, 4384, 5406, 5649}},  {"lsst", "r", {5390, 5662, 6781, 7035}},
    {"lsst", "i", {6786, 7036, 8056, 8304}}, {"lsst", "z", {8050, 8317, 9047, 9362}},  {"lsst", "y", {9105, 9278, 9762, 10513}},
    {"des", "g", {4005, 4105, 5425, 5525}},  {"des", "r", {5620, 5720, 7105, 7205}},   {"des", "i", {7030, 7130, 8510, 8610}},
    {"des", "z", {8440, 8540, 9920, 10020}}, {"des", "Y", {9460, 9560, 10165, 10265}},
};

constexpr double step_of_table = 0.002;  // in ln lambda: a power law of slope 5 is then off by 1e-5

Curve spectrum_of(const NodedSpectrum& nodes) {
  Curve curve{nodes.name, {}, {}};
  // No light passes the Lyman limit.
  curve.wavelength.push_back(node_wavelengths[0] * (1.0 - 1e-6));
  curve.value.push_back(0.0);
  for (std::size_t i = 0; i + 1 < n_nodes; ++i) {
    const double ratio = std::log(node_wavelengths[i + 1] / node_wavelengths[i]);
    const int steps = static_cast<int>(std::ceil(ratio / step_of_table));
    for (int step = 0; step < steps + (i + 2 == n_nodes); ++step) {
      const double part = static_cast<double>(step) / steps;
      curve.wavelength.push_back(node_wavelengths[i] * std::exp(part * ratio));
      curve.value.push_back(std::pow(10.0, nodes.log_flux[i] + part * (nodes.log_flux[i + 1] - nodes.log_flux[i])));
    }
  }
  return curve;
}

struct BroadLine {
  double wavelength, equivalent_width, sigma;  ///< angstrom
};
// The strongest of Vanden Berk et al. 2001, AJ 122, 549, table 2, rounded.
constexpr BroadLine broad_lines[] = {{1216, 93, 19}, {1549, 24, 14}, {1908, 21, 24}, {2798, 32, 35}, {4861, 46, 40}, {6563, 195, 47}};
constexpr double quasar_break = 5000.0, slope_beyond_break = 0.45;

/// A quasar: f_lambda ~ lambda^-slope, redder beyond 5000 angstrom, with broad lines.
Curve quasar(const char* name, double slope) {
  Curve curve{name, {node_wavelengths[0] * (1.0 - 1e-6)}, {0.0}};
  for (double wavelength = node_wavelengths[0]; wavelength < 40000.0; wavelength *= std::exp(step_of_table)) {
    const double x = wavelength / quasar_break, continuum = std::pow(x, x < 1.0 ? -slope : slope_beyond_break);
    double lines = 0.0;
    for (const BroadLine& line : broad_lines) {
      const double y = (wavelength - line.wavelength) / line.sigma;
      lines += line.equivalent_width / line.sigma * 0.3989422804014327 * std::exp(-0.5 * y * y);
    }
    curve.wavelength.push_back(wavelength);
    curve.value.push_back(continuum * (1.0 + lines));
  }
  return curve;
}

/// Planck's law; flat to 1e-5 between points.
Curve black_body(double kelvin) {
  constexpr double hc_over_k = 1.438776877e8;  // angstrom kelvin
  Curve curve{fmt::format("blackbody_{:.0f}K", kelvin), {}, {}};
  for (double wavelength = 1000.0; wavelength < 60000.0; wavelength *= std::exp(step_of_table)) {
    curve.wavelength.push_back(wavelength);
    curve.value.push_back(std::pow(1e-4 * wavelength, -5.0) / std::expm1(hc_over_k / (wavelength * kelvin)));
  }
  return curve;
}

std::vector<Curve> quasars() { return {quasar("qso_blue", 1.8), quasar("qso", 1.54), quasar("qso_red", 1.1), quasar("qso_redder", 0.6)}; }

std::vector<Curve> black_bodies() {
  std::vector<Curve> curves;
  for (const double kelvin : {2800, 3200, 3600, 4000, 4500, 5000, 5500, 6000, 6500, 7000, 8000, 9000, 10000, 12000, 15000, 20000, 30000})
    curves.push_back(black_body(kelvin));
  return curves;
}

}  // namespace

std::vector<std::string> builtin_template_sets() { return {"blackbody", "cwwsb", "qso"}; }

std::vector<Curve> builtin_templates(const std::string& set) {
  if (set == "qso") return quasars();
  if (set == "blackbody") return black_bodies();
  if (set != "cwwsb") throw UsageError(fmt::format("no built-in templates '{}' (there are: {})", set, join(builtin_template_sets(), ", ")));
  std::vector<Curve> curves;
  for (const NodedSpectrum& nodes : cwwsb) curves.push_back(spectrum_of(nodes));
  return curves;
}

std::vector<std::string> builtin_filter_sets() { return {"des", "lsst"}; }

std::vector<std::string> builtin_bands(const std::string& set) {
  const auto names = builtin_filter_sets();
  if (std::ranges::find(names, set) == names.end())
    throw UsageError(fmt::format("no built-in filters '{}' (there are: {})", set, join(names, ", ")));
  std::vector<std::string> bands;
  for (const Trapezoid& filter : trapezoids)
    if (filter.set == set) bands.emplace_back(filter.band);
  return bands;
}

Curve builtin_filter(const std::string& set, const std::string& band) {
  const std::vector<std::string> bands = builtin_bands(set);
  for (const Trapezoid& filter : trapezoids) {
    if (filter.set != set) continue;
    // What DES calls Y is y in the usual names of bands.
    if (lower(filter.band) == lower(band)) return {set + "_" + band, {filter.corner.begin(), filter.corner.end()}, {0.0, 1.0, 1.0, 0.0}};
  }
  throw UsageError(fmt::format("the built-in filters {} have no band '{}' (they have {})", set, band, join(bands, ", ")));
}

}  // namespace skyfold
