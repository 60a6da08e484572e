// A committee of networks: what they say together. See docs/annz.md.
#include "committee.hpp"

#include <algorithm>

namespace skyfold::annz {

using network::chunk;

Committee::Committee(const network::Shape& shape, std::span<const double> weights, std::span<const double> slopes, std::size_t n_bands)
    : pass_(shape),
      weights_(weights),
      slopes_(slopes),
      n_nets_(weights.size() / shape.weights()),
      n_weights_(shape.weights()),
      n_bands_(n_bands),
      z_(chunk),
      spread_(chunk),
      gradient_(shape.inputs() * chunk),
      answers_(n_nets_ * chunk) {}

void Committee::run() {
  std::ranges::fill(gradient_, 0.0);
  std::ranges::fill(z_, 0.0);
  const double share = 1.0 / static_cast<double>(n_nets_);
  for (std::size_t net = 0; net < n_nets_; ++net) {
    const auto weights = weights_.subspan(net * n_weights_, n_weights_);
    pass_.forward(weights);
    std::copy_n(pass_.output().begin(), chunk, &answers_[net * chunk]);
    for (std::size_t o = 0; o < chunk; ++o) z_[o] += share * pass_.output()[o];
    std::ranges::fill(pass_.output_gradient(), share);
    const auto gradient = pass_.input_gradient(weights);
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient_[i] += gradient[i];
  }
  for (std::size_t o = 0; o < chunk; ++o) {
    double squares = 0.0;
    for (std::size_t net = 0; net < n_nets_; ++net) squares += (answers_[net * chunk + o] - z_[o]) * (answers_[net * chunk + o] - z_[o]);
    spread_[o] = n_nets_ > 1 ? squares / static_cast<double>(n_nets_ - 1) : 0.0;
  }
}

double Committee::variance(std::size_t object, const double* error, std::uint32_t observed) const noexcept {
  const std::size_t features = slopes_.size() / n_bands_;
  double sum = spread_[object];
  for (std::size_t b = 0; b < n_bands_; ++b) {
    if (!(observed >> b & 1) || !(error[b] > 0.0)) continue;
    double slope = 0.0;
    for (std::size_t f = 0; f < features; ++f) slope += gradient_[f * chunk + object] * slopes_[f * n_bands_ + b];
    sum += slope * slope * error[b] * error[b];
  }
  return sum;
}

}  // namespace skyfold::annz
