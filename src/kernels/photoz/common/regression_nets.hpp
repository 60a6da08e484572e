#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "../../network/inputs.hpp"
#include "../../network/network.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// Training objects as chunks, ready to go through nets; the last chunk is filled up with objects without weight.
struct TrainingSheet {
  std::size_t chunks = 0;
  std::vector<double> input;      ///< [chunks x inputs x chunk]
  std::vector<double> z, weight;  ///< [chunks x chunk]
};
/// @param hide  share of the objects some of whose bands are hidden
[[nodiscard]] TrainingSheet sheet_of(const network::Inputs& inputs, const TrainingSet& set, std::span<const double> weight,
                                     std::span<const std::uint32_t> rows, double hide);

/// Sum over the objects of w (y - z)^2, in blocks of a fixed size so that threads do not matter; fills its gradient unless that is empty.
[[nodiscard]] double squared_errors(const network::Shape& shape, const TrainingSheet& sheet, std::span<const double> weights, int threads,
                                    std::span<double> gradient);

/// How long a net is trained.
struct NetTraining {
  std::size_t iterations = 3000;
  std::size_t patience = 300;  ///< ends after so many iterations without a better validation error
};
/// Told after each iteration: its number, the root of the mean squared error of validation.
using AfterStep = std::function<void(std::size_t iteration, double error)>;
/// Minimises beta / 2 sum w (y - z)^2 + alpha / 2 |w|^2, alpha and beta estimated anew every 30 iterations; the weights with the
/// least validation error.
[[nodiscard]] std::vector<double> train_net(const network::Shape& shape, const TrainingSheet& fit, const TrainingSheet& validation,
                                            const NetTraining& o, std::uint64_t seed, std::uint64_t number, int threads,
                                            const AfterStep& told);

}  // namespace skyfold
