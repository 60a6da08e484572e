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

/// Four doubles that are added lane by lane: the same sums whatever the processor's registers are. The alignment is said, since structs
/// that hold lanes would have that of the narrowest registers, where a clone for wide ones takes more for granted.
typedef double Lanes __attribute__((vector_size(32), aligned(32)));
typedef std::int64_t LaneBits __attribute__((vector_size(32), aligned(32)));
inline constexpr std::size_t n_lanes = 4;

/// Number of elements, a multiple of the lanes, that holds `n`.
constexpr std::size_t padded(std::size_t n) noexcept { return (n + n_lanes - 1) / n_lanes * n_lanes; }

/// Parts of a number whose exponential is wanted: exp(x) = 2^k exp(rest), |rest| <= ln(2) / 2.
struct ExponentParts {
  Lanes rest;
  Lanes power;  ///< 2^k
};
/// @param x  between -700 and 700
SKYFOLD_INLINE ExponentParts exponent_parts(const Lanes& x) {
  constexpr double shift = 0x1.8p52;  // adding it rounds to an integer, which is then in the low bits
  const Lanes shifted = x * std::numbers::log2e + shift;
  const Lanes k = shifted - shift;
  LaneBits bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 1023) << 52;
  ExponentParts parts;
  parts.rest = x - k * 0x1.62e42fefa0000p-1 - k * 0x1.cf79abc9e3b3ap-40;
  std::memcpy(&parts.power, &bits, sizeof parts.power);
  return parts;
}
/// The Taylor series of exp(r), from degree 7 down.
/// @param p  the terms of degree 7 and above, over r^7
SKYFOLD_INLINE Lanes exponential_from_degree_7(Lanes p, const Lanes& r) {
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  return p * r + 1.0;
}

/// exp(x) for -700 < x <= 0, relative error below 1e-9: Taylor series of degree 8.
SKYFOLD_INLINE Lanes exponential(const Lanes& x) {
  const ExponentParts parts = exponent_parts(x);
  const Lanes& r = parts.rest;
  return exponential_from_degree_7(r * (1.0 / 40320) + 1.0 / 5040, r) * parts.power;
}

}  // namespace skyfold
