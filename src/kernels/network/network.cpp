// A chunk of objects through a fully connected net and back: activations, and the gradient by back-propagation (Rumelhart, Hinton &
// Williams 1986, Nature 323, 533).
#include "network.hpp"

#include <algorithm>
#include <cmath>

#include "functions.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::network {
namespace {

constexpr std::uint32_t weights_stream = 0x6e657401;

SKYFOLD_CLONES
void activate(double* value, std::size_t n, bool is_tanh) {
  for (std::size_t i = 0; i < n; i += n_lanes)
    put_lanes(value + i, is_tanh ? tanh_of(lanes_at(value + i)) : logistic_of(lanes_at(value + i)));
}

/// Multiplies a gradient by the activation's derivative, which its value tells.
SKYFOLD_CLONES
void times_derivative(const double* value, std::size_t n, bool is_tanh, double* gradient) {
  for (std::size_t i = 0; i < n; i += n_lanes) {
    const Lanes v = lanes_at(value + i);
    put_lanes(gradient + i, lanes_at(gradient + i) * (is_tanh ? 1.0 - v * v : v * (1.0 - v)));
  }
}

}  // namespace

std::size_t Shape::place(std::size_t layer) const noexcept {
  std::size_t sum = 0;
  for (std::size_t l = 0; l < layer; ++l) sum += (units[l] + 1) * units[l + 1];
  return sum;
}

Pass::Pass(const Shape& shape) : shape_(shape) {
  for (const std::size_t n : shape.units) {
    value_.emplace_back(n * chunk, 0.0);
    gradient_.emplace_back(n * chunk, 0.0);
  }
}

void Pass::forward(std::span<const double> weights) {
  for (std::size_t l = 0; l < shape_.layers(); ++l) {
    const std::size_t n_in = shape_.units[l], n_out = shape_.units[l + 1];
    const double* matrix = &weights[shape_.place(l)];
    multiply(matrix, n_in, 1, matrix + n_in * n_out, value_[l].data(), n_in, n_out, value_[l + 1].data());
    if (l + 1 < shape_.layers()) activate(value_[l + 1].data(), n_out * chunk, shape_.hidden == Activation::tanh);
  }
}

/// From the gradient by the units after a layer to that by the units before it.
void Pass::back_through(std::size_t layer, std::span<const double> weights) {
  const std::size_t n_in = shape_.units[layer], n_out = shape_.units[layer + 1];
  multiply(&weights[shape_.place(layer)], 1, n_in, nullptr, gradient_[layer + 1].data(), n_out, n_in, gradient_[layer].data());
  if (layer > 0) times_derivative(value_[layer].data(), n_in * chunk, shape_.hidden == Activation::tanh, gradient_[layer].data());
}

void Pass::backward(std::span<const double> weights, std::span<double> sum) {
  for (std::size_t l = shape_.layers(); l-- > 0;) {
    const std::size_t n_in = shape_.units[l], n_out = shape_.units[l + 1];
    double* matrix = &sum[shape_.place(l)];
    add_outer(gradient_[l + 1].data(), value_[l].data(), n_out, n_in, matrix);
    add_rows(gradient_[l + 1].data(), n_out, matrix + n_in * n_out);
    if (l > 0) back_through(l, weights);
  }
}

std::span<const double> Pass::input_gradient(std::span<const double> weights) {
  for (std::size_t l = shape_.layers(); l-- > 0;) back_through(l, weights);
  return gradient_.front();
}

std::vector<double> normal_weights(const Shape& shape, std::uint64_t seed, std::uint64_t number) {
  std::vector<double> weights(shape.weights(), 0.0);
  ObjectRandom random(seed, number, weights_stream);
  for (std::size_t l = 0; l < shape.layers(); ++l) {
    const double deviation = 1.0 / std::sqrt(static_cast<double>(shape.units[l]));
    double* matrix = &weights[shape.place(l)];
    for (std::size_t i = 0; i < shape.units[l] * shape.units[l + 1]; ++i) matrix[i] = deviation * random.normal();
  }
  return weights;
}

std::vector<double> uniform_weights(const Shape& shape, std::uint64_t seed, std::uint64_t number) {
  std::vector<double> weights(shape.weights());
  ObjectRandom random(seed, number, weights_stream);
  for (double& w : weights) w = 2.0 * random.uniform() - 1.0;
  return weights;
}

}  // namespace skyfold::network
