#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "products.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::network {

enum class Activation : std::uint8_t { tanh, logistic };

/// A fully connected net: inputs, hidden layers with an activation, linear outputs.
///
/// Its weights are one vector, layer by layer: the matrix, row-major of shape [units x units before], then the biases.
struct Shape {
  std::vector<std::size_t> units;  ///< of the inputs, the hidden layers, the outputs
  Activation hidden = Activation::tanh;

  [[nodiscard]] std::size_t inputs() const noexcept { return units.front(); }
  [[nodiscard]] std::size_t outputs() const noexcept { return units.back(); }
  [[nodiscard]] std::size_t layers() const noexcept { return units.size() - 1; }
  /// Place of the matrix of layer 0, 1, ...; of `layers()`: the number of weights.
  [[nodiscard]] std::size_t place(std::size_t layer) const noexcept;
  [[nodiscard]] std::size_t weights() const noexcept { return place(layers()); }
};

/// A chunk of objects on its way through a net, and back. One per thread; keeps its buffers.
class Pass {
 public:
  explicit Pass(const Shape& shape);

  /// To be filled, shape [inputs x chunk]; what stands for objects that are not there must be numbers.
  [[nodiscard]] std::span<double> input() noexcept { return value_.front(); }
  [[nodiscard]] std::span<const double> output() const noexcept { return value_.back(); }  ///< shape [outputs x chunk]
  void forward(std::span<const double> weights);

  /// Derivatives of a loss by the outputs, to be filled before the way back; zeros for objects that are not there.
  [[nodiscard]] std::span<double> output_gradient() noexcept { return gradient_.back(); }
  /// Adds the derivatives by the weights, of the sum over the objects, to `sum`.
  void backward(std::span<const double> weights, std::span<double> sum);
  /// Derivatives by the inputs, shape [inputs x chunk], without those by the weights.
  [[nodiscard]] std::span<const double> input_gradient(std::span<const double> weights);

 private:
  void back_through(std::size_t layer, std::span<const double> weights);

  Shape shape_;
  std::vector<AlignedVector<double>> value_, gradient_;  ///< by layer; of units after the activation
};

/// Weights from N(0, 1 / units before), biases of zero. They depend on shape, seed and number alone.
[[nodiscard]] std::vector<double> normal_weights(const Shape& shape, std::uint64_t seed, std::uint64_t number);
/// Weights and biases drawn uniformly from [-1, 1].
[[nodiscard]] std::vector<double> uniform_weights(const Shape& shape, std::uint64_t seed, std::uint64_t number);

}  // namespace skyfold::network
