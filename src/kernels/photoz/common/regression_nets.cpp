// Networks that give one number by least squares: training objects as chunks, the gradient, and minimising with the regularisation found
// on the way. See docs/annz.md.
#include "regression_nets.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../network/minimise.hpp"
#include "skyfold/core/parallel.hpp"

namespace skyfold {
namespace {

using network::chunk;

constexpr std::size_t chunks_per_block = 64, iterations_per_round = 30;

/// Adds the gradient of a block of chunks; gives its sum of squares.
double add_block(network::Pass& pass, const TrainingSheet& sheet, std::size_t begin, std::size_t end, std::span<const double> weights,
                 std::span<double> gradient) {
  const std::size_t size = pass.input().size();
  double sum = 0.0;
  for (std::size_t c = begin; c < end; ++c) {
    std::copy_n(&sheet.input[c * size], size, pass.input().begin());
    pass.forward(weights);
    for (std::size_t o = 0; o < chunk; ++o) {
      const double weight = sheet.weight[c * chunk + o], off = pass.output()[o] - sheet.z[c * chunk + o];
      sum += weight * off * off;
      pass.output_gradient()[o] = 2.0 * weight * off;
    }
    if (!gradient.empty()) pass.backward(weights, gradient);
  }
  return sum;
}

}  // namespace

TrainingSheet sheet_of(const network::Inputs& inputs, const TrainingSet& set, std::span<const double> weight,
                       std::span<const std::uint32_t> rows, double hide) {
  TrainingSheet sheet;
  sheet.chunks = (rows.size() + chunk - 1) / chunk;
  sheet.input.resize(sheet.chunks * inputs.size() * chunk);
  sheet.z.assign(sheet.chunks * chunk, 0.0);
  sheet.weight.assign(sheet.chunks * chunk, 0.0);
  network::VariedInputs varied(inputs, set.photometry, set.id, {.hide = hide}, set.seed, 0);
  for (std::size_t c = 0; c < sheet.chunks; ++c) {
    const auto some = rows.subspan(c * chunk, std::min(chunk, rows.size() - c * chunk));
    varied.fill(some, 0, std::span<double>(sheet.input).subspan(c * inputs.size() * chunk, inputs.size() * chunk));
    for (std::size_t o = 0; o < some.size(); ++o) {
      sheet.z[c * chunk + o] = set.z[some[o]];
      sheet.weight[c * chunk + o] = weight[some[o]];
    }
  }
  return sheet;
}

double squared_errors(const network::Shape& shape, const TrainingSheet& sheet, std::span<const double> weights, int threads,
                      std::span<double> gradient) {
  const std::size_t blocks = (sheet.chunks + chunks_per_block - 1) / chunks_per_block, n = gradient.size();
  std::vector<double> sums(blocks), parts(blocks * n, 0.0);
  parallel_for(blocks, 1, threads, [&](std::size_t begin, std::size_t end, int) {
    network::Pass pass(shape);
    for (std::size_t b = begin; b < end; ++b)
      sums[b] = add_block(pass, sheet, b * chunks_per_block, std::min((b + 1) * chunks_per_block, sheet.chunks), weights,
                          std::span<double>(parts).subspan(b * n, n));
  });
  double sum = 0.0;
  std::ranges::fill(gradient, 0.0);
  for (std::size_t b = 0; b < blocks; ++b) {
    sum += sums[b];
    for (std::size_t i = 0; i < n; ++i) gradient[i] += parts[b * n + i];
  }
  return sum;
}

std::vector<double> train_net(const network::Shape& shape, const TrainingSheet& fit, const TrainingSheet& validation, const NetTraining& o,
                              std::uint64_t seed, std::uint64_t number, int threads, const AfterStep& told) {
  std::vector<double> weights = network::uniform_weights(shape, seed, number), best = weights;
  double objects = 0.0, judged = 0.0, least = std::numeric_limits<double>::infinity();
  for (const double w : fit.weight) objects += w;
  for (const double w : validation.weight) judged += w;
  network::Curvature curvature;
  std::size_t iteration = 0, of_best = 0;
  while (iteration < o.iterations && iteration < of_best + o.patience) {
    double penalty = 0.0;
    for (const double w : weights) penalty += w * w;
    const double alpha = static_cast<double>(weights.size()) / penalty;
    const double beta = objects / std::max(squared_errors(shape, fit, weights, threads, {}), 1e-12 * objects);
    // Over beta and the number of objects: it moves no minimum, and gradients are of the size of errors.
    const double decay = alpha / (beta * objects);
    const network::Objective objective = [&](std::span<const double> w, std::span<double> gradient) {
      double value = 0.5 * squared_errors(shape, fit, w, threads, gradient) / objects;
      for (std::size_t i = 0; i < w.size(); ++i) {
        gradient[i] = 0.5 * gradient[i] / objects + decay * w[i];
        value += 0.5 * decay * w[i] * w[i];
      }
      return value;
    };
    const auto found =
        network::minimise(objective, weights, {.iterations = std::min(iterations_per_round, o.iterations - iteration), .tolerance = 1e-7},
                          [&](std::span<const double> w, double) {
                            const double error = std::sqrt(squared_errors(shape, validation, w, threads, {}) / judged);
                            ++iteration;
                            if (error < least) {
                              least = error;
                              best.assign(w.begin(), w.end());
                              of_best = iteration;
                            }
                            if (told) told(iteration, error);
                            return iteration < of_best + o.patience;
                          });
    if (found.iterations == 0) break;
  }
  return best;
}

}  // namespace skyfold
