// What the outputs of a mixture density network mean, and how it is judged: see docs/mdn.md.
#include "mixture_net.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../../network/functions.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold::mdn {
namespace {

using network::chunk;
using network::exp_of;
using network::lanes_at;
using network::put_lanes;

constexpr double most_log_width = 1.0, first_width = 0.15, output_part = 0.3;

SKYFOLD_INLINE Lanes limited(const Lanes& x, double low, double high) {
  const Lanes y = x < low ? Lanes{} + low : x;
  return y > high ? Lanes{} + high : y;
}

/// exp(x_k - the largest x) in place; gives the largest and the sum.
SKYFOLD_INLINE void soften(double* x, std::size_t n, Lanes& largest, Lanes& sum) {
  largest = lanes_at(x);
  for (std::size_t k = 1; k < n; ++k) {
    const Lanes v = lanes_at(x + k * chunk);
    largest = v > largest ? v : largest;
  }
  sum = Lanes{};
  for (std::size_t k = 0; k < n; ++k) {
    const Lanes e = exp_of(lanes_at(x + k * chunk) - largest);
    put_lanes(x + k * chunk, e);
    sum += e;
  }
}

SKYFOLD_CLONES
void read_lanes(const double* output, std::size_t n, double least_log, double* weight, double* z, double* sigma) {
  std::memcpy(weight, output, n * chunk * sizeof(double));
  std::memcpy(z, output + n * chunk, n * chunk * sizeof(double));
  for (std::size_t o = 0; o < chunk; o += n_lanes) {
    Lanes largest, sum;
    soften(weight + o, n, largest, sum);
    for (std::size_t k = 0; k < n; ++k) {
      put_lanes(weight + k * chunk + o, lanes_at(weight + k * chunk + o) / sum);
      put_lanes(sigma + k * chunk + o, exp_of(limited(lanes_at(output + (2 * n + k) * chunk + o), least_log, most_log_width)));
    }
  }
}

/// Of four objects. `gradient` serves as memory: logits become pi, centres gamma, on the way.
SKYFOLD_INLINE void judge_lanes(const double* output, const double* truth, std::size_t n, double least_log, double* loss,
                                double* gradient) {
  const double* centre = output + n * chunk;
  const double* log_width = centre + n * chunk;
  double* by_logit = gradient;
  double* by_centre = by_logit + n * chunk;
  double* by_width = by_centre + n * chunk;
  const Lanes z = lanes_at(truth);
  for (std::size_t k = 0; k < n; ++k) {
    const Lanes a = lanes_at(output + k * chunk), l = limited(lanes_at(log_width + k * chunk), least_log, most_log_width);
    const Lanes t = (z - lanes_at(centre + k * chunk)) * exp_of(-l);
    put_lanes(by_logit + k * chunk, a);
    put_lanes(by_centre + k * chunk, a - l - t * t * 0.5);
  }
  Lanes largest_a, sum_a, largest_e, sum_e;
  soften(by_logit, n, largest_a, sum_a);
  soften(by_centre, n, largest_e, sum_e);
  for (std::size_t o = 0; o < n_lanes; ++o)
    loss[o] = largest_a[o] + std::log(sum_a[o]) - largest_e[o] - std::log(sum_e[o]) + 0.5 * std::log(2.0 * std::numbers::pi);
  for (std::size_t k = 0; k < n; ++k) {
    const Lanes raw = lanes_at(log_width + k * chunk), l = limited(raw, least_log, most_log_width), inverse = exp_of(-l);
    const Lanes t = (z - lanes_at(centre + k * chunk)) * inverse;
    const Lanes pi = lanes_at(by_logit + k * chunk) / sum_a, gamma = lanes_at(by_centre + k * chunk) / sum_e;
    put_lanes(by_logit + k * chunk, pi - gamma);
    put_lanes(by_centre + k * chunk, -gamma * t * inverse);
    const Lanes slope = gamma * (1.0 - t * t);
    // A width at its limit does not move with its output.
    put_lanes(by_width + k * chunk, raw == l ? slope : Lanes{});
  }
}

SKYFOLD_CLONES
void judge_chunk(const double* output, const double* z, std::size_t n, double least_log, double* loss, double* gradient) {
  for (std::size_t o = 0; o < chunk; o += n_lanes) judge_lanes(output + o, z + o, n, least_log, loss + o, gradient + o);
}

}  // namespace

MixtureOutputs::MixtureOutputs(std::size_t gaussians, double narrowest) : n_(gaussians), least_log_(std::log(narrowest)) {}

void MixtureOutputs::read(std::span<const double> output, std::span<double> weight, std::span<double> z, std::span<double> sigma) const {
  read_lanes(output.data(), n_, least_log_, weight.data(), z.data(), sigma.data());
}

void MixtureOutputs::judge(std::span<const double> output, std::span<const double> z, std::span<double> loss,
                           std::span<double> gradient) const {
  judge_chunk(output.data(), z.data(), n_, least_log_, loss.data(), gradient.data());
}

MixtureExamples::MixtureExamples(const MixtureOutputs& outputs, network::VariedInputs inputs, std::span<const double> z,
                                 std::span<const double> weight)
    : outputs_(outputs), inputs_(std::move(inputs)), z_(z), weight_(weight), some_z_(chunk), some_loss_(chunk) {}

void MixtureExamples::inputs(std::span<const std::uint32_t> rows, std::size_t epoch, std::span<double> input) {
  inputs_.fill(rows, epoch, input);
}

double MixtureExamples::loss(std::span<const std::uint32_t> rows, std::span<const double> output, std::span<double> gradient) {
  std::ranges::fill(some_z_, 0.0);
  for (std::size_t o = 0; o < rows.size(); ++o) some_z_[o] = z_[rows[o]];
  outputs_.judge(output, some_z_, some_loss_, gradient);
  double weights[chunk] = {};  // those that are not there count for nothing
  double sum = 0.0;
  for (std::size_t o = 0; o < rows.size(); ++o) {
    weights[o] = weight_.empty() ? 1.0 : weight_[rows[o]];
    sum += weights[o] * some_loss_[o];
  }
  for (std::size_t k = 0; k < 3 * outputs_.gaussians(); ++k)
    for (std::size_t o = 0; o < chunk; ++o) gradient[k * chunk + o] *= weights[o];
  return sum;
}

std::vector<double> first_weights(const network::Shape& shape, std::span<const double> z, std::uint64_t seed, std::uint64_t number) {
  std::vector<double> weights = network::normal_weights(shape, seed, number);
  const std::size_t last = shape.layers() - 1, n = shape.outputs() / 3, n_in = shape.units[last];
  double* matrix = &weights[shape.place(last)];
  for (std::size_t i = 0; i < n_in * shape.outputs(); ++i) matrix[i] *= output_part;
  double* bias = matrix + n_in * shape.outputs();
  for (std::size_t k = 0; k < n; ++k) {
    // From the 5th to the 95th percentile.
    const double p = n > 1 ? 0.05 + 0.9 * static_cast<double>(k) / static_cast<double>(n - 1) : 0.5;
    bias[n + k] = quantile(z, p);
    bias[2 * n + k] = std::log(first_width);
  }
  return weights;
}

}  // namespace skyfold::mdn
