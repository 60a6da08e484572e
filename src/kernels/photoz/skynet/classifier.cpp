// Networks that tell redshift bins apart, and bins that slide from net to net. See docs/skynet.md.
#include "classifier.hpp"

#include <algorithm>
#include <cmath>

#include "../../network/functions.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::skynet {

using network::chunk;

SlidingBins::SlidingBins(std::vector<double> edges, std::size_t nets) : edges_(std::move(edges)), nets_(nets), share_(nets * fine()) {
  for (std::size_t net = 0; net < nets_; ++net) {
    std::vector<double> width(classes(), 0.0);
    for (std::size_t b = 0; b < fine(); ++b) width[class_of(b, net)] += edges_[b + 1] - edges_[b];
    for (std::size_t b = 0; b < fine(); ++b) share_[net * fine() + b] = (edges_[b + 1] - edges_[b]) / width[class_of(b, net)];
  }
}

std::size_t SlidingBins::bin_of(double z) const noexcept {
  const auto above = std::upper_bound(edges_.begin() + 1, edges_.end() - 1, z);
  return static_cast<std::size_t>(above - edges_.begin()) - 1;
}

std::vector<double> even_edges(std::vector<double> z, std::size_t bins) {
  std::ranges::sort(z);
  std::vector<double> edges = {z.front()};
  for (std::size_t b = 1; b <= bins; ++b) {
    const double place = static_cast<double>(b) / static_cast<double>(bins) * static_cast<double>(z.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    const double high = z[std::min(low + 1, z.size() - 1)], edge = z[low] + (place - static_cast<double>(low)) * (high - z[low]);
    // Redshifts that repeat leave bins out rather than make some of no width.
    if (edge > edges.back()) edges.push_back(edge);
  }
  if (edges.size() < 2) throw DataError("all redshifts of the training set are the same (skynet needs two classes)");
  return edges;
}

SKYFOLD_CLONES
void softmax(const double* output, std::size_t n, double* probability) {
  for (std::size_t o = 0; o < chunk; o += n_lanes) {
    Lanes largest = network::lanes_at(output + o), sum = {};
    for (std::size_t k = 1; k < n; ++k) {
      const Lanes v = network::lanes_at(output + k * chunk + o);
      largest = v > largest ? v : largest;
    }
    for (std::size_t k = 0; k < n; ++k) {
      const Lanes e = network::exp_of(network::lanes_at(output + k * chunk + o) - largest);
      network::put_lanes(probability + k * chunk + o, e);
      sum += e;
    }
    for (std::size_t k = 0; k < n; ++k)
      network::put_lanes(probability + k * chunk + o, network::lanes_at(probability + k * chunk + o) / sum);
  }
}

void ClassExamples::inputs(std::span<const std::uint32_t> rows, std::size_t epoch, std::span<double> input) {
  inputs_.fill(rows, epoch, input);
}

double ClassExamples::loss(std::span<const std::uint32_t> rows, std::span<const double> output, std::span<double> gradient) {
  softmax(output.data(), classes_, probability_.data());
  double weights[chunk] = {};  // those that are not there count for nothing
  double sum = 0.0;
  for (std::size_t o = 0; o < rows.size(); ++o) {
    weights[o] = weight_[rows[o]];
    // Exponents are limited to -700: the logarithm is finite.
    sum -= weights[o] * std::log(probability_[label_[rows[o]] * chunk + o]);
  }
  for (std::size_t k = 0; k < classes_; ++k)
    for (std::size_t o = 0; o < chunk; ++o) gradient[k * chunk + o] = weights[o] * probability_[k * chunk + o];
  for (std::size_t o = 0; o < rows.size(); ++o) gradient[label_[rows[o]] * chunk + o] -= weights[o];
  return sum;
}

}  // namespace skyfold::skynet
