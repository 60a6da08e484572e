#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "network.hpp"

namespace skyfold::network {

/// What a net learns from: objects, and how their outputs are judged. Used by one thread at a time, so it may have buffers.
class Examples {
 public:
  virtual ~Examples() = default;
  /// Inputs of at most a chunk of objects, in a pass over all of them (0, 1, ...: inputs may be drawn anew for each), into shape [inputs x
  /// chunk].
  virtual void inputs(std::span<const std::uint32_t> rows, std::size_t epoch, std::span<double> input) = 0;
  /// Sum of the losses of these objects, times their weights; fills the derivatives by the outputs (`gradient` comes as zeros).
  /// @param output, gradient  shape [outputs x chunk]
  virtual double loss(std::span<const std::uint32_t> rows, std::span<const double> output, std::span<double> gradient) = 0;
};

/// Sum of losses and its gradient; `gradient` is added to.
[[nodiscard]] double add_gradient(Pass& pass, Examples& examples, std::span<const std::uint32_t> rows, std::size_t epoch,
                                  std::span<const double> weights, std::span<double> gradient);

struct AdamOptions {
  std::size_t batch = 128, epochs = 120;
  double first_rate = 2e-3, last_rate = 1e-5;         ///< along half a cosine
  double decay1 = 0.9, decay2 = 0.999, least = 1e-8;  ///< of the paper: beta_1, beta_2, epsilon
  double longest_gradient = 5.0;                      ///< longer ones are shortened
  double l2 = 1e-5;                                   ///< loss + l2 |w|^2 / 2
};

/// One step of Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1) after another.
class Adam {
 public:
  Adam(const AdamOptions& o, std::size_t n) : options_(o), first_(n, 0.0), second_(n, 0.0) {}
  void step(std::span<const double> gradient, double rate, std::span<double> weights);

 private:
  AdamOptions options_;
  std::vector<double> first_, second_;
  double power1_ = 1.0, power2_ = 1.0;
};

/// Called after each pass over the objects, with the mean loss in it.
using AfterEpoch = std::function<void(std::size_t epoch, double loss)>;

/// Trains a net on small batches, in one thread: the objects in an order drawn for each pass.
/// @param rows  of the objects to train with
/// @param number  of the net: with `seed` it decides the orders
void train_adam(const Shape& shape, Examples& examples, std::span<const std::uint32_t> rows, const AdamOptions& o, std::uint64_t seed,
                std::uint64_t number, std::span<double> weights, const AfterEpoch& after = {});

}  // namespace skyfold::network
