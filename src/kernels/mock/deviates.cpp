// Normal deviates by the inverse of the cumulative distribution (Wichura 1988, Applied Statistics 37, 477, algorithm AS 241,
// PPND7): one uniform number gives one deviate, so every number of an object keeps its place in the sequence.
#include "skyfold/kernels/mock/deviates.hpp"

#include <cmath>

namespace skyfold {
namespace {

// Far from the median the quantile is a rational function of sqrt(-log(tail probability)).
double tail_quantile(double tail) noexcept {
  double r = std::sqrt(-std::log(tail));
  if (r <= 5.0) {
    r -= 1.6;
    return (((1.7023821103e-1 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777) /
           ((1.2021132975e-1 * r + 7.3700164250e-1) * r + 1.0);
  }
  r -= 5.0;
  return (((1.7337203997e-2 * r + 4.2868294337e-1) * r + 3.0812263860) * r + 6.6579051150) /
         ((1.2258202635e-2 * r + 2.4197894225e-1) * r + 1.0);
}

}  // namespace

double normal_quantile(double p) noexcept {
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179) /
           (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0);
  }
  return q < 0.0 ? -tail_quantile(p) : tail_quantile(1.0 - p);
}

}  // namespace skyfold
