#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../../network/network.hpp"

namespace skyfold::annz {

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
