#pragma once

#include "../common/simd.hpp"

namespace skyfold::network {

/// exp(x) to 2e-15 of itself; beyond +-700 that of +-700: 2^k exp(r), |r| <= ln(2) / 2, Taylor series of degree 12.
SKYFOLD_INLINE Lanes exp_of(Lanes x) {
  x = x < -700.0 ? Lanes{} - 700.0 : x;
  x = x > 700.0 ? Lanes{} + 700.0 : x;
  constexpr double shift = 0x1.8p52;  // adding it rounds to an integer, which is then in the low bits
  const Lanes shifted = x * std::numbers::log2e + shift;
  const Lanes k = shifted - shift;
  const Lanes r = x - k * 0x1.62e42fefa0000p-1 - k * 0x1.cf79abc9e3b3ap-40;
  Lanes p = r * (1.0 / 479001600) + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  LaneBits bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 1023) << 52;
  Lanes power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
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
