#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../../network/inputs.hpp"
#include "../../network/training.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold::mdn {

/// Outputs of a net of K Gaussians: K logits of the weights, K centres, K logarithms of the widths, for a chunk of objects.
///
/// Widths are limited: ln s from ln of the narrowest to 1.
class MixtureOutputs {
 public:
  explicit MixtureOutputs(std::size_t gaussians, double narrowest);

  [[nodiscard]] std::size_t gaussians() const noexcept { return n_; }
  /// Weights (sum 1), centres and widths of a chunk: shape [gaussians x chunk] each.
  void read(std::span<const double> output, std::span<double> weight, std::span<double> z, std::span<double> sigma) const;
  /// -ln p(z) of each object, and its derivatives by the outputs (Bishop 1994, Mixture density networks, NCRG/94/004, equations 33-39).
  ///
  /// @param z         shape [chunk]
  /// @param loss      filled, shape [chunk]
  /// @param gradient  filled, shape [3 gaussians x chunk]
  void judge(std::span<const double> output, std::span<const double> z, std::span<double> loss, std::span<double> gradient) const;

 private:
  std::size_t n_;
  double least_log_;
};

/// Training objects for a mixture net.
class MixtureExamples final : public network::Examples {
 public:
  /// @param weight  mean 1, or empty
  MixtureExamples(const MixtureOutputs& outputs, network::VariedInputs inputs, std::span<const double> z, std::span<const double> weight);
  void inputs(std::span<const std::uint32_t> rows, std::size_t epoch, std::span<double> input) override;
  double loss(std::span<const std::uint32_t> rows, std::span<const double> output, std::span<double> gradient) override;

 private:
  MixtureOutputs outputs_;
  network::VariedInputs inputs_;
  std::span<const double> z_, weight_;
  std::vector<double> some_z_, some_loss_;
};

/// Weights to begin with: normal, those of the outputs at a third, biases such that the centres are spread over the redshifts.
[[nodiscard]] std::vector<double> first_weights(const network::Shape& shape, std::span<const double> z, std::uint64_t seed,
                                                std::uint64_t number);

}  // namespace skyfold::mdn
