#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "sums.hpp"
#include "tree.hpp"

namespace skyfold::forest {

/// What splits are judged by.
using Target = std::variant<SquareSums::Target, ClassSums::Target, DensitySums::Target>;

/// What trees grow on.
struct Sample {
  std::size_t attributes = 0;
  std::span<const float> value;   ///< row-major, shape [rows x attributes]; NaN where missing
  std::span<const float> weight;  ///< [rows], > 0; empty: all 1
  Target target;
};

struct GrowthOptions {
  bool random_thresholds = false;  ///< one threshold, drawn, for each attribute tried (Geurts et al. 2006); else the best of all
  std::size_t tried = 0;           ///< attributes drawn without replacement at each node; 0: all
  std::size_t stop = 1;            ///< a node with at most so many rows is a leaf
  std::size_t least = 1;           ///< fewest rows of a leaf
};

/// Grows a tree on `rows` (a row may be there several times).
///
/// A node becomes a leaf when it has at most `stop` rows or no split has a gain. Thresholds lie midway between two values. Rows
/// without the attribute count for no gain and go where most of the others go, in training and later. Draws depend on (seed, tree, node)
/// alone.
[[nodiscard]] Tree grow(const Sample& sample, const GrowthOptions& o, std::vector<std::uint32_t> rows, std::uint64_t seed,
                        std::uint32_t tree);

/// The best split of some rows by one attribute, over all thresholds; for tests, and for what grows by itself.
struct Split {
  double gain = 0.0;  ///< 0: none
  float threshold = 0.0f;
  std::uint16_t attribute = 0;
  bool missing_left = false;
};
[[nodiscard]] Split best_split(const Sample& sample, const GrowthOptions& o, std::span<const std::uint32_t> rows, std::uint16_t attribute);

/// How often each row takes part in a tree that is grown on a bootstrap sample: deviates of the Poisson distribution of mean 1, drawn
/// by id, so that they do not depend on the order or number of the other rows. 37 % are out of the bag (0).
[[nodiscard]] std::uint32_t bootstrap_count(std::uint64_t seed, std::int64_t id, std::uint32_t tree) noexcept;

}  // namespace skyfold::forest
