#pragma once

#include <cstdint>
#include <span>

namespace skyfold::validation {

/// What an object's random numbers are made of: the seed and its id alone.
[[nodiscard]] std::uint64_t bootstrap_key(std::uint64_t seed, std::int64_t id) noexcept;

/// How often each object counts in one realisation of a bootstrap sample: Poisson deviates of mean 1, the limit of
/// drawing n of n objects with replacement, in which objects are independent of each other. So the count of an object
/// depends on (seed, id, realisation) alone, never on the other objects of the sample or on who computes it.
///
/// @param keys         of `bootstrap_key`, shape [n]
/// @param realisation  number of the realisation, from 0
/// @param counts       filled, shape [n]
void poisson_counts(std::span<const std::uint64_t> keys, std::uint64_t realisation, std::span<std::uint8_t> counts) noexcept;

/// Bootstrap error of a metric: standard deviation of its values in the realisations, with n - 1; realisations in which
/// it has no value do not count. NaN for fewer than two values.
[[nodiscard]] double bootstrap_error(std::span<const double> values) noexcept;

}  // namespace skyfold::validation
