#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "../../forest/tree.hpp"
#include "../common/mixture.hpp"

namespace skyfold::tpz {

/// A training row among the leaves that an object falls into, with its part of the PDF.
struct Share {
  std::uint32_t row;
  float part;
};

/// The leaves of a block of objects in all trees: tree by tree, so that a tree stays in the cache for all objects. One per thread.
class LeafBlock {
 public:
  static constexpr std::size_t objects = 64;
  using Trees = std::span<const forest::Tree>;

  /// @param leaves_are_equal  each leaf counts the same, whatever it holds; else each of its rows does
  LeafBlock(Trees trees, std::span<const float> weight, bool leaves_are_equal)
      : trees_(trees), weight_(weight), leaves_are_equal_(leaves_are_equal), leaf_(trees.size() * objects) {}

  /// @param value  attributes of at most `objects` objects, row-major
  void find(const float* value, std::size_t n, std::size_t attributes);
  /// The rows in an object's leaves, ascending, each once; parts sum to 1, unless there are none. Valid until the next call.
  /// @param use  which trees count; none: all of them
  std::span<const Share> shares(std::size_t object, const std::function<bool(std::size_t tree)>& use = {});

 private:
  Trees trees_;
  std::span<const float> weight_;
  bool leaves_are_equal_;
  std::vector<std::uint32_t> leaf_;    ///< [trees x objects]
  std::vector<std::uint64_t> sorted_;  ///< row in the upper half, bits of the part in the lower one
  std::vector<Share> shares_;
};

/// Makes mixtures of shares: p(z) = sum_i part_i N(z_i, s), s^2 = sigma^2 + (scatter IQR / 1.349)^2, with IQR the interquartile range of
/// the shares. Redshifts that are closer than s / 4 are taken together, with their mean and variance, and those that are farther when
/// there would be more than `most` Gaussians. One per thread.
class ShareMixture {
 public:
  static constexpr std::size_t most = 64;
  explicit ShareMixture(std::span<const double> z) : z_(z) {}
  /// @param shares  at least one
  const Mixture& make(std::span<const Share> shares, double sigma, double scatter);

 private:
  [[nodiscard]] double spread(std::span<const Share> shares) const noexcept;
  void group(std::span<const Share> shares, double reach, double variance);

  std::span<const double> z_;
  std::vector<double> centre_, width_, weight_;
  Mixture mixture_;
};

}  // namespace skyfold::tpz
