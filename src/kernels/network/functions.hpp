#pragma once

#include "../common/simd.hpp"

namespace skyfold::network {

/// exp(x) to 2e-15 of itself; beyond +-700 that of +-700: Taylor series of degree 12.
SKYFOLD_INLINE Lanes exp_of(Lanes x) {
  x = x < -700.0 ? Lanes{} - 700.0 : x;
  x = x > 700.0 ? Lanes{} + 700.0 : x;
  const ExponentParts parts = exponent_parts(x);
  const Lanes& r = parts.rest;
  Lanes p = r * (1.0 / 479001600) + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  return exponential_from_degree_7(p * r + 1.0 / 5040, r) * parts.power;
}

SKYFOLD_INLINE Lanes tanh_of(const Lanes& x) {
  const Lanes e = exp_of((x < 0.0 ? x : -x) * 2.0);
  const Lanes size = (1.0 - e) / (1.0 + e);
  return x < 0.0 ? -size : size;
}

SKYFOLD_INLINE Lanes logistic_of(const Lanes& x) { return 1.0 / (1.0 + exp_of(-x)); }

SKYFOLD_INLINE Lanes lanes_at(const double* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
SKYFOLD_INLINE void put_lanes(double* p, const Lanes& v) { std::memcpy(p, &v, sizeof v); }

}  // namespace skyfold::network
