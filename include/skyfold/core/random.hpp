#pragma once

#include <array>
#include <cstdint>

namespace skyfold {

/// Philox4x32-10 (Salmon et al. 2011, SC11, "Parallel random numbers: as easy as 1, 2, 3"):
/// a keyed bijection of a 128-bit counter, so any draw is a pure function of (key, counter).
[[nodiscard]] std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) noexcept;

/// SplitMix64's finaliser: a bijection of 64-bit integers with good avalanche.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// Random numbers of one object: the sequence depends on (seed, object, stream) alone, never on which
/// rank or thread draws it or on what was drawn for other objects.
class ObjectRandom {
 public:
  /// @param seed    the run's seed
  /// @param object  the object's id
  /// @param stream  purpose of the numbers (0..2^32-1), so that two uses for one object are independent
  ObjectRandom(std::uint64_t seed, std::uint64_t object, std::uint32_t stream = 0) noexcept;

  [[nodiscard]] std::uint32_t next() noexcept;
  /// Uniform in [0, 1), 53 random bits.
  [[nodiscard]] double uniform() noexcept;
  /// Standard normal deviate (Box & Muller 1958).
  [[nodiscard]] double normal() noexcept;

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
  double spare_normal_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace skyfold
