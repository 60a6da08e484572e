// The distribution of chi^2 for whole degrees of freedom, in closed form (Abramowitz & Stegun 1964, 26.4.4 and 26.4.5).
#include "chi_square.hpp"

#include <cmath>

namespace skyfold::cmnn {

double chi_square_cumulative(double x, int degrees) noexcept {
  if (!(x > 0.0)) return 0.0;
  const double half = 0.5 * x;
  // From one or two degrees upwards, two at a time: F_(n+2) = F_n - (x/2)^(n/2) exp(-x/2) / Gamma(n/2 + 1).
  double f = degrees % 2 == 1 ? std::erf(std::sqrt(half)) : -std::expm1(-half);
  for (int n = degrees % 2 == 1 ? 1 : 2; n < degrees; n += 2) f -= std::exp(0.5 * n * std::log(half) - half - std::lgamma(0.5 * n + 1.0));
  return f < 0.0 ? 0.0 : f;  // rounding, where hardly anything is left
}

double chi_square_quantile(double p, int degrees) noexcept {
  double low = 0.0, high = degrees;
  while (chi_square_cumulative(high, degrees) < p) low = high, high *= 2.0;
  while (high - low > 1e-14 * high) {
    const double middle = 0.5 * (low + high);
    if (middle == low || middle == high) break;
    (chi_square_cumulative(middle, degrees) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace skyfold::cmnn
