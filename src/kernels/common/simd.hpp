#pragma once

#include <cstdint>
#include <cstring>
#include <numbers>

// A function marked so is compiled for several instruction sets and chosen when the program starts. The order
// of all additions is written out and contraction is off, so each version gives the same bits. Sanitizers
// cannot run before the choice is made, so their builds have one version.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define SKYFOLD_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SKYFOLD_CLONES
#endif
#define SKYFOLD_INLINE inline __attribute__((always_inline))

// Vectors are passed between inlined functions only, so how a call would pass them is of no interest.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace skyfold {

/// Four doubles that are added lane by lane: the same sums whatever the processor's registers are.
typedef double Lanes __attribute__((vector_size(32)));
typedef std::int64_t LaneBits __attribute__((vector_size(32)));
inline constexpr std::size_t n_lanes = 4;

/// Number of elements, a multiple of the lanes, that holds `n`.
constexpr std::size_t padded(std::size_t n) noexcept { return (n + n_lanes - 1) / n_lanes * n_lanes; }

/// exp(x) for -700 < x <= 0, relative error below 1e-9: 2^k exp(r), |r| <= ln(2) / 2, Taylor series of degree 8.
SKYFOLD_INLINE Lanes exponential(const Lanes& x) {
  constexpr double shift = 0x1.8p52;  // adding it rounds to an integer, which is then in the low bits
  const Lanes shifted = x * std::numbers::log2e + shift;
  const Lanes k = shifted - shift;
  const Lanes r = x - k * 0x1.62e42fefa0000p-1 - k * 0x1.cf79abc9e3b3ap-40;
  Lanes p = r * (1.0 / 40320) + 1.0 / 5040;
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

}  // namespace skyfold
