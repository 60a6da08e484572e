// Extinction curves as their papers give them.
#include "skyfold/kernels/templates/dust.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace skyfold {
namespace {

template <std::size_t n>
double polynomial(const std::array<double, n>& coefficients, double x) {
  double sum = 0.0;
  for (std::size_t i = n; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

double calzetti(double um) {
  if (um < 0.63) return 2.659 * (-2.156 + 1.509 / um - 0.198 / (um * um) + 0.011 / (um * um * um)) + 4.05;
  return 2.659 * (-1.857 + 1.040 / um) + 4.05;
}

/// a(x) + b(x) / R_V with x = 1 / um, times R_V.
double galactic(double um) {
  constexpr double r_v = 3.1;
  const double x = 1.0 / um;
  double a = 0.0, b = 0.0;
  if (x < 1.1) {
    a = 0.574 * std::pow(x, 1.61);
    b = -0.527 * std::pow(x, 1.61);
  } else if (x < 3.3) {
    // O'Donnell 1994, equations 3a and 3b.
    constexpr std::array<double, 9> of_a = {1.0, 0.104, -0.609, 0.701, 1.137, -1.718, -0.827, 1.647, -0.505};
    constexpr std::array<double, 9> of_b = {0.0, 1.952, 2.908, -3.989, -7.985, 11.102, 5.491, -10.805, 3.347};
    a = polynomial(of_a, x - 1.82);
    b = polynomial(of_b, x - 1.82);
  } else if (x < 8.0) {
    const double y = std::max(x - 5.9, 0.0);
    a = 1.752 - 0.316 * x - 0.104 / ((x - 4.67) * (x - 4.67) + 0.341) - 0.04473 * y * y - 0.009779 * y * y * y;
    b = -3.090 + 1.825 * x + 1.206 / ((x - 4.62) * (x - 4.62) + 0.263) + 0.2130 * y * y + 0.1207 * y * y * y;
  } else {
    const double y = x - 8.0;
    a = -1.073 - 0.628 * y + 0.137 * y * y - 0.070 * y * y * y;
    b = 13.670 + 4.257 * y - 0.420 * y * y + 0.374 * y * y * y;
  }
  return r_v * a + b;
}

double at(DustLaw law, double um) {
  if (law == DustLaw::calzetti2000) return calzetti(um);
  if (law == DustLaw::galactic) return galactic(um);
  return 1.39 * std::pow(um, -1.2);
}

/// Beyond its range a law goes on as the line through its last hundredth.
double extrapolated(DustLaw law, double um, double low, double high) {
  if (um >= low && um <= high) return at(law, um);
  const double edge = um < low ? low : high, inside = um < low ? 1.01 * low : 0.99 * high;
  return at(law, edge) + (um - edge) * (at(law, edge) - at(law, inside)) / (edge - inside);
}

}  // namespace

double extinction_curve(DustLaw law, double wavelength) {
  const double um = 1e-4 * wavelength;
  // The power law has no end; ranges of the others as their papers state them.
  if (law == DustLaw::smc) return at(law, um);
  const double low = law == DustLaw::calzetti2000 ? 0.12 : 0.1, high = law == DustLaw::calzetti2000 ? 2.2 : 1.0 / 0.3;
  return std::max(extrapolated(law, um, low, high), 0.0);
}

Curve reddened(Curve sed, DustLaw law, double ebv) {
  for (std::size_t i = 0; i < sed.value.size(); ++i)
    // Spectra are stored from 0 angstrom on, where no law is finite and nothing shines.
    if (sed.value[i] != 0.0) sed.value[i] *= std::pow(10.0, -0.4 * ebv * extinction_curve(law, sed.wavelength[i]));
  return sed;
}

}  // namespace skyfold
