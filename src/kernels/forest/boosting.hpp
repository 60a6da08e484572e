#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace skyfold::forest {

/// Values of attributes by quantile bins, for growth that counts instead of sorting: at most 256 bins of an attribute, so that splits are
/// exact where it has no more different values, and else lie between two of 256 quantiles.
struct BinnedAttributes {
  std::size_t rows = 0, attributes = 0;
  std::vector<std::uint8_t> bin;              ///< attribute by attribute, shape [attributes x rows]
  std::vector<std::vector<float>> threshold;  ///< [attributes][bins - 1]: values up to threshold k are in bins 0..k
};
/// @param value  row-major, shape [rows x attributes], finite
[[nodiscard]] BinnedAttributes bin_attributes(std::span<const float> value, std::size_t attributes);

/// A tree of depth three, all its leaves there: node k has the children 2 k + 1 and 2 k + 2; nodes 7 to 14 are the leaves 0 to 7. Where it
/// does not split, all objects go left.
struct SmallTree {
  static constexpr std::size_t depth = 3, nodes = 7, leaves = 8;
  std::array<float, nodes> threshold;  ///< up to it: left
  std::array<std::uint16_t, nodes> attribute;
  std::array<float, leaves> value;
};

/// Adaptive boosting of trees of depth three for two classes (Freund & Schapire 1997; the real form of Friedman, Hastie & Tibshirani 2000,
/// Ann. Stat. 28, 337, algorithm 2): leaves have half the logarithm of the ratio of the classes' weights in them, and the weight of
/// each object is multiplied by exp(-y f). Splits are those of least squares in y, which for two classes are those of Gini's impurity.
///
/// @param is_signal  class of each row, shape [rows]
/// @param weight     of each row, >= 0, shape [rows]; both classes have some
/// @param shrinkage  0 to 1, by which the leaves' values are multiplied
[[nodiscard]] std::vector<SmallTree> boost(const BinnedAttributes& data, std::span<const std::uint8_t> is_signal,
                                           std::vector<double> weight, std::size_t trees, double shrinkage);

/// Sums of the trees' values for objects side by side: eight objects at a time go through a tree without a branch.
/// @param value  attribute by attribute, shape [attributes x n], n a multiple of 8
/// @param sum    filled, shape [n]
void boosted_sums(std::span<const SmallTree> trees, const float* value, std::size_t n, float* sum);

/// Boosted trees for a value. All have one depth, 1 to 6, and all their nodes and leaves, as SmallTree has.
struct RegressionTrees {
  static constexpr std::size_t most_depth = 6;
  std::size_t depth = 3;
  float start = 0.0f;                         ///< what the sum begins with
  std::vector<float> threshold = {};          ///< [trees x nodes()]
  std::vector<std::uint16_t> attribute = {};  ///< [trees x nodes()]
  std::vector<float> value = {};              ///< [trees x leaves()]

  [[nodiscard]] std::size_t nodes() const noexcept { return (std::size_t{1} << depth) - 1; }
  [[nodiscard]] std::size_t leaves() const noexcept { return std::size_t{1} << depth; }
  [[nodiscard]] std::size_t size() const noexcept { return value.size() / leaves(); }
};

struct RegressionOptions {
  std::size_t trees = 200, depth = 3;
  double shrinkage = 0.1;  ///< part of its answer that each tree adds
  double least = 1.0;      ///< fewest rows of a leaf, counted by their weights over the mean weight
};
/// Gradient boosting with squared loss (Friedman 2001, Ann. Stat. 29, 1189, algorithm 2): each tree is fitted to what the sum of those
/// before leaves, its leaves add the part `shrinkage` of their weighted mean.
/// @param weight  of each row, >= 0, shape [rows]
[[nodiscard]] RegressionTrees boost_regression(const BinnedAttributes& data, std::span<const double> y, std::span<const double> weight,
                                               const RegressionOptions& o);

/// Their sums for objects side by side, as for SmallTree.
void boosted_sums(const RegressionTrees& trees, const float* value, std::size_t n, float* sum);

}  // namespace skyfold::forest
