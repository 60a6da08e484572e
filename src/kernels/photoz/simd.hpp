#pragma once

#include <cstdint>
#include <cstring>

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

}  // namespace skyfold
