#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "../../network/inputs.hpp"
#include "../../network/network.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold::annz {

/// Training objects as chunks, ready to go through nets; the last chunk is filled up with objects without weight.
struct Sheet {
  std::size_t chunks = 0;
  std::vector<double> input;      ///< [chunks x inputs x chunk]
  std::vector<double> z, weight;  ///< [chunks x chunk]
};
/// @param hide  share of the objects some of whose bands are hidden
[[nodiscard]] Sheet sheet_of(const network::Inputs& inputs, const TrainingSet& set, std::span<const double> weight,
                             std::span<const std::uint32_t> rows, double hide);

/// Sum over the objects of w (y - z)^2, in blocks of a fixed size so that threads do not matter; fills its gradient unless that is empty.
[[nodiscard]] double squared_errors(const network::Shape& shape, const Sheet& sheet, std::span<const double> weights, int threads,
                                    std::span<double> gradient);

/// How a net of the committee is trained.
struct MemberOptions {
  std::size_t iterations = 3000;
  std::size_t patience = 300;  ///< ends after so many iterations without a better validation error
};
/// Told after each iteration: its number, the root of the mean squared error of validation.
using Told = std::function<void(std::size_t iteration, double error)>;
/// Minimises beta / 2 sum w (y - z)^2 + alpha / 2 |w|^2, alpha and beta estimated anew every 30 iterations; the weights with the
/// least validation error.
[[nodiscard]] std::vector<double> train_member(const network::Shape& shape, const Sheet& fit, const Sheet& validation,
                                               const MemberOptions& o, std::uint64_t seed, std::uint64_t number, int threads,
                                               const Told& told);

/// The nets' answers for a chunk of objects. One per thread.
class Committee {
 public:
  /// @param weights  of all nets, one after the other; @param slopes  of the inputs by magnitudes (Inputs::slopes); both outlive this
  Committee(const network::Shape& shape, std::span<const double> weights, std::span<const double> slopes, std::size_t n_bands);

  /// To be filled for a chunk, then `run`.
  [[nodiscard]] std::span<double> input() noexcept { return pass_.input(); }
  void run();
  [[nodiscard]] double z(std::size_t object) const noexcept { return z_[object]; }
  /// Variance of the nets about their mean (n - 1), plus what the errors of the magnitudes make of z: sum_b (dz/dm_b err_b)^2.
  /// @param error  of the magnitudes, NaN where there is none
  [[nodiscard]] double variance(std::size_t object, const double* error, std::uint32_t observed) const noexcept;

 private:
  network::Pass pass_;
  std::span<const double> weights_, slopes_;
  std::size_t n_nets_, n_weights_, n_bands_;
  std::vector<double> z_, spread_, gradient_;  ///< [chunk], [chunk], [inputs x chunk]
  std::vector<double> answers_;                ///< [nets x chunk]
};

}  // namespace skyfold::annz
