// Training on small batches by Adam, with a rate that falls along half a cosine (Loshchilov & Hutter 2017, arXiv:1608.03983, without
// restarts).
#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"
#include "training.hpp"

namespace skyfold::network {
namespace {

constexpr std::uint32_t order_stream = 0x6e657402;

/// Fisher & Yates; the same order for a net's pass whatever was drawn before.
void shuffle(std::vector<std::uint32_t>& rows, std::uint64_t seed, std::uint64_t number, std::size_t epoch) {
  ObjectRandom random(seed, mix64(number) ^ epoch, order_stream);
  for (std::size_t i = rows.size(); i > 1; --i)
    std::swap(rows[i - 1], rows[static_cast<std::size_t>(random.uniform() * static_cast<double>(i))]);
}

}  // namespace

double add_gradient(Pass& pass, Examples& examples, std::span<const std::uint32_t> rows, std::size_t epoch, std::span<const double> weights,
                    std::span<double> gradient) {
  double loss = 0.0;
  for (std::size_t begin = 0; begin < rows.size(); begin += chunk) {
    const auto some = rows.subspan(begin, std::min(chunk, rows.size() - begin));
    if (some.size() < chunk) std::ranges::fill(pass.input(), 0.0);
    examples.inputs(some, epoch, pass.input());
    pass.forward(weights);
    std::ranges::fill(pass.output_gradient(), 0.0);
    loss += examples.loss(some, pass.output(), pass.output_gradient());
    if (!gradient.empty()) pass.backward(weights, gradient);
  }
  return loss;
}

void Adam::step(std::span<const double> gradient, double rate, std::span<double> weights) {
  power1_ *= options_.decay1;
  power2_ *= options_.decay2;
  const double scale = rate / (1.0 - power1_), root = 1.0 / std::sqrt(1.0 - power2_);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    first_[i] = options_.decay1 * first_[i] + (1.0 - options_.decay1) * gradient[i];
    second_[i] = options_.decay2 * second_[i] + (1.0 - options_.decay2) * gradient[i] * gradient[i];
    weights[i] -= scale * first_[i] / (std::sqrt(second_[i]) * root + options_.least);
  }
}

void train_adam(const Shape& shape, Examples& examples, std::span<const std::uint32_t> rows, const AdamOptions& o, std::uint64_t seed,
                std::uint64_t number, std::span<double> weights, const AfterEpoch& after) {
  Pass pass(shape);
  Adam adam(o, weights.size());
  std::vector<std::uint32_t> order(rows.begin(), rows.end());
  std::vector<double> gradient(weights.size());
  const std::size_t batches = (rows.size() + o.batch - 1) / o.batch, steps = std::max<std::size_t>(batches * o.epochs, 2);
  std::size_t step = 0;
  for (std::size_t epoch = 0; epoch < o.epochs; ++epoch) {
    shuffle(order, seed, number, epoch);
    double loss = 0.0;
    for (std::size_t begin = 0; begin < order.size(); begin += o.batch, ++step) {
      // Training takes minutes: it must end when nobody wants it any more.
      if (is_interrupted()) throw Interrupted();
      const auto batch = std::span<const std::uint32_t>(order).subspan(begin, std::min(o.batch, order.size() - begin));
      std::ranges::fill(gradient, 0.0);
      loss += add_gradient(pass, examples, batch, epoch, weights, gradient);
      double square = 0.0;
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        gradient[i] = gradient[i] / static_cast<double>(batch.size()) + o.l2 * weights[i];
        square += gradient[i] * gradient[i];
      }
      if (square > o.longest_gradient * o.longest_gradient)
        for (double& g : gradient) g *= o.longest_gradient / std::sqrt(square);
      const double done = static_cast<double>(step) / static_cast<double>(steps - 1);
      adam.step(gradient, o.last_rate + 0.5 * (o.first_rate - o.last_rate) * (1.0 + std::cos(std::numbers::pi * done)), weights);
    }
    if (after) after(epoch, loss / static_cast<double>(rows.size()));
  }
}

}  // namespace skyfold::network
