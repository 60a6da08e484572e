#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "../../network/inputs.hpp"
#include "../../network/training.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold::skynet {

/// Redshift bins that slide: fine bins, of which `nets` together are a class of a net, each net's classes one fine bin farther down.
///
/// So every net has `classes` of them, cut at the ends of the range, and the mean of all nets has the resolution of the fine bins without
/// having to fill them.
class SlidingBins {
 public:
  /// @param edges  of the fine bins, ascending
  SlidingBins(std::vector<double> edges, std::size_t nets);

  [[nodiscard]] std::span<const double> edges() const noexcept { return edges_; }
  [[nodiscard]] std::size_t fine() const noexcept { return edges_.size() - 1; }
  [[nodiscard]] std::size_t nets() const noexcept { return nets_; }
  [[nodiscard]] std::size_t classes() const noexcept { return (fine() - 1 + nets_ - 1) / nets_ + 1; }
  /// The class of a fine bin in a net.
  [[nodiscard]] std::size_t class_of(std::size_t fine_bin, std::size_t net) const noexcept { return (fine_bin + net) / nets_; }
  /// The fine bin that holds a redshift, the first or last one beyond the range.
  [[nodiscard]] std::size_t bin_of(double z) const noexcept;
  /// Part of its class that a fine bin is, by width: a class has one density.
  [[nodiscard]] double share_of(std::size_t fine_bin, std::size_t net) const noexcept { return share_[net * fine() + fine_bin]; }

 private:
  std::vector<double> edges_;
  std::size_t nets_;
  std::vector<double> share_;  ///< [nets x fine]
};

/// Edges of fine bins with about as many of these redshifts in each. Throws DataError when fewer than two differ.
[[nodiscard]] std::vector<double> even_edges(std::vector<double> z, std::size_t bins);

/// exp(x_k) / sum of a chunk's outputs, shape [n x chunk].
void softmax(const double* output, std::size_t n, double* probability);

/// Training objects for a net that tells classes apart: loss -w ln p(class).
class ClassExamples final : public network::Examples {
 public:
  /// @param label   class of each training object; @param weight  mean 1
  ClassExamples(network::VariedInputs inputs, std::size_t classes, std::span<const std::uint32_t> label, std::span<const double> weight)
      : inputs_(std::move(inputs)), classes_(classes), label_(label), weight_(weight), probability_(classes * network::chunk) {}
  void inputs(std::span<const std::uint32_t> rows, std::size_t epoch, std::span<double> input) override;
  double loss(std::span<const std::uint32_t> rows, std::span<const double> output, std::span<double> gradient) override;

 private:
  network::VariedInputs inputs_;
  std::size_t classes_;
  std::span<const std::uint32_t> label_;
  std::span<const double> weight_;
  std::vector<double> probability_;
};

}  // namespace skyfold::skynet
