// Random numbers by Philox4x32-10 (Salmon et al. 2011, SC11): each draw is a function of seed, object and counter, so an object's
// numbers do not depend on which rank or thread computes it, nor on what was drawn before.
#include "skyfold/core/random.hpp"

#include <cmath>
#include <numbers>

namespace skyfold {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) noexcept {
  constexpr std::uint64_t multiplier_0 = 0xD2511F53, multiplier_1 = 0xCD9E8D57;
  constexpr std::uint32_t weyl_0 = 0x9E3779B9, weyl_1 = 0xBB67AE85;
  // Ten rounds: the number that the paper's name Philox4x32-10 stands for.
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product_0 = multiplier_0 * counter[0], product_1 = multiplier_1 * counter[2];
    counter = {static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product_1),
               static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product_0)};
    key = {key[0] + weyl_0, key[1] + weyl_1};
  }
  return counter;
}

ObjectRandom::ObjectRandom(std::uint64_t seed, std::uint64_t object, std::uint32_t stream) noexcept
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      counter_{0, stream, static_cast<std::uint32_t>(object), static_cast<std::uint32_t>(object >> 32)} {}

std::uint32_t ObjectRandom::next() noexcept {
  if (used_ == 4) {
    block_ = philox4x32(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

double ObjectRandom::uniform() noexcept {
  const std::uint64_t high = next(), low = next();
  // 53 bits, all that a double holds: every value is a multiple of 2^-53, and 1 is never reached.
  return static_cast<double>(((high << 32) | low) >> 11) * 0x1.0p-53;
}

double ObjectRandom::normal() noexcept {
  if (has_spare_) {
    has_spare_ = false;
    return spare_normal_;
  }
  // Box & Muller (1958): two normal deviates from two uniform ones; the second is kept for the next call.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));  // 1 - u is in (0, 1]: the logarithm is finite
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

}  // namespace skyfold
