// Bootstrap errors by Poisson weights: in each realisation an object counts Poisson(1) times, by a hash of seed, id and
// realisation. So ranks need no common resampling, and every object keeps its counts in every subset.
#include "skyfold/kernels/validate/bootstrap.hpp"

#include <array>
#include <cassert>
#include <cmath>
#include <limits>

#include "skyfold/core/random.hpp"

namespace skyfold::validation {
namespace {

constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;
constexpr std::size_t most = 18;  // P(count > 17) is below 2^-52
constexpr unsigned table_bits = 12;
constexpr std::uint8_t look_closer = 255;

/// Poisson(1) counts of 64 random bits: by the cumulative probabilities, with a table for the leading bits.
struct PoissonTable {
  std::array<std::uint64_t, most> below;  ///< 2^64 P(count <= k)
  std::array<std::uint8_t, std::size_t{1} << table_bits> counts;

  PoissonTable() noexcept {
    constexpr double inverse_e = 0.36787944117144233;
    double probability = inverse_e, sum = 0.0;
    for (std::size_t k = 0; k < most; ++k) {
      sum += probability;
      probability /= static_cast<double>(k + 1);
      below[k] = sum < 1.0 ? static_cast<std::uint64_t>(std::ldexp(sum, 64)) : std::numeric_limits<std::uint64_t>::max();
    }
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const std::uint64_t first = static_cast<std::uint64_t>(i) << (64 - table_bits);
      const std::uint64_t last = first + ((std::uint64_t{1} << (64 - table_bits)) - 1);
      // Most leading bits decide alone; the few intervals with a step in them are searched.
      counts[i] = search(first) == search(last) ? search(first) : look_closer;
    }
  }

  [[nodiscard]] std::uint8_t search(std::uint64_t bits) const noexcept {
    std::uint8_t count = 0;
    while (count < most && bits >= below[count]) ++count;
    return count;
  }
};

const PoissonTable poisson;

}  // namespace

std::uint64_t bootstrap_key(std::uint64_t seed, std::int64_t id) noexcept {
  return mix64(mix64(seed) ^ mix64(static_cast<std::uint64_t>(id) + golden));
}

void poisson_counts(std::span<const std::uint64_t> keys, std::uint64_t realisation, std::span<std::uint8_t> counts) noexcept {
  assert(keys.size() == counts.size());
  const std::uint64_t offset = realisation * golden;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::uint64_t bits = mix64(keys[i] + offset);  // the SplitMix64 sequence that starts at the key
    const std::uint8_t count = poisson.counts[bits >> (64 - table_bits)];
    counts[i] = count != look_closer ? count : poisson.search(bits);
  }
}

double bootstrap_error(std::span<const double> values) noexcept {
  double sum = 0.0, squares = 0.0;
  std::size_t n = 0;
  for (const double value : values)
    if (std::isfinite(value)) {
      sum += value;
      ++n;
    }
  if (n < 2) return std::numeric_limits<double>::quiet_NaN();
  const double mean = sum / static_cast<double>(n);
  for (const double value : values)
    if (std::isfinite(value)) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(n - 1));
}

}  // namespace skyfold::validation
