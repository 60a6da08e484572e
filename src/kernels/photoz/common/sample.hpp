#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// The objects of a training set that teach something: those with a band and a weight above 0.
struct TrainingSample {
  std::vector<std::uint32_t> used;  ///< their rows, ascending
  std::vector<double> weight;       ///< of all rows, mean 1 over those that are used
};
/// Throws DataError for a redshift that is no number, and when fewer than `least` objects are left.
[[nodiscard]] TrainingSample training_sample(const TrainingSet& set, const std::string& algorithm, std::size_t least);

/// Rows for two purposes, each in the order of its draws.
struct HeldOut {
  std::vector<std::uint32_t> fit, judged;
};
/// Draws by id: a share of the rows is held out.
/// @param most    rows that are taken at all
/// @param stream  of the random numbers
[[nodiscard]] HeldOut hold_out(const TrainingSet& set, std::span<const std::uint32_t> rows, double share, std::size_t most,
                               std::uint32_t stream);

/// Numbers as the bytes of a task's result, and back.
[[nodiscard]] std::string bytes_of(std::span<const double> values);
[[nodiscard]] std::vector<double> numbers_of(const std::string& bytes);

}  // namespace skyfold
