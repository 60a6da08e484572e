#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

inline constexpr std::size_t leaf_points = 32;

/// Squared distances of a query to the points of a leaf, each added dimension by dimension.
/// @param coordinates  shape [dimensions x leaf_points]
/// @param distance2    filled, shape [leaf_points]
void leaf_distances(const double* coordinates, const double* query, std::size_t dimensions, double* distance2);

/// A kd-tree over points whose leaves are scanned with vector instructions. Answers are exact: they equal those of a loop over
/// all points, so that neither the tree nor the order of the queries can be seen in them.
class PointTree {
 public:
  /// @param points  row-major, shape [n x dimensions], finite
  /// @param rows    a name for each point, by which equal distances are ordered, shape [n]
  PointTree(std::span<const double> points, std::size_t dimensions, std::span<const std::uint32_t> rows);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t dimensions() const noexcept { return dimensions_; }
  [[nodiscard]] std::size_t bytes() const noexcept;
  /// Number of the leaf where a point would lie: queries sorted by it look at the same memory one after the other.
  [[nodiscard]] std::uint32_t leaf_of(const double* point) const noexcept;
  [[nodiscard]] std::size_t leaves() const noexcept { return rows_.size() / leaf_points; }
  /// Names of the points in a leaf.
  [[nodiscard]] std::span<const std::uint32_t> rows_of(std::size_t leaf) const noexcept;

 private:
  friend class NeighbourSearch;
  friend class ScaledSearch;
  struct Node {
    double low_end = 0.0, high_start = 0.0;  ///< largest coordinate on the low side, smallest on the high side
    std::uint32_t dimension = 0;
    std::uint32_t high = 0;  ///< node of the high side; the low side is the next node; 0: a leaf
    std::uint32_t leaf = 0;
  };
  std::uint32_t build(std::span<const double> points, std::span<const std::uint32_t> rows, std::span<std::uint32_t> order);
  void add_leaf(std::span<const double> points, std::span<const std::uint32_t> rows, std::span<const std::uint32_t> order);

  std::size_t size_, dimensions_;
  std::vector<Node> nodes_;
  std::vector<double> box_low_, box_high_;  ///< of all points, shape [dimensions]
  AlignedVector<double> coordinates_;       ///< [leaves x dimensions x leaf_points]; infinite where a leaf is not full
  std::vector<std::uint32_t> rows_;         ///< [leaves x leaf_points]
};

/// A neighbour: its row and its squared distance.
struct Neighbour {
  double distance2;
  std::uint32_t row;
};

/// Finds the nearest points of one query after the other; holds the buffers. One per thread.
class NeighbourSearch {
 public:
  /// The `wanted` nearest points (all, if there are fewer) in order of (distance, row); valid until the next call.
  std::span<const Neighbour> find(const PointTree& tree, const double* query, std::size_t wanted);

 private:
  void visit(std::uint32_t node, double bound);
  void scan(std::uint32_t leaf);
  void drop_far();
  void keep_nearest();
  std::span<const Neighbour> in_order();

  const PointTree* tree_ = nullptr;
  const double* query_ = nullptr;
  std::size_t wanted_ = 0, found_ = 0, most_ = 0;
  double worst_ = 0.0;  ///< nothing farther is wanted: at least so many as are wanted were found that are not
  std::vector<double> offset_;
  AlignedVector<double> distance2_;  ///< of those found so far, in no order, more than are wanted
  std::vector<std::uint32_t> row_;
  std::vector<Neighbour> best_;
};

/// Finds all points within a distance in which each query has scales of its own: d^2 = sum_k ((x_k - q_k) s_k)^2, as with the errors of the
/// query's measurements. A dimension of scale 0 does not count. Holds no results; one per thread.
class ScaledSearch {
 public:
  /// Appends the points with d^2 <= limit2, in no particular order.
  /// @param query, scale  shape [dimensions]; numbers, also where the scale is 0
  void within(const PointTree& tree, const double* query, const double* scale, double limit2, std::vector<Neighbour>& found);

 private:
  void visit(std::uint32_t node, double bound);
  void scan(std::uint32_t leaf);

  const PointTree* tree_ = nullptr;
  const double *query_ = nullptr, *scale_ = nullptr;
  double limit2_ = 0.0;
  std::vector<Neighbour>* found_ = nullptr;
  std::vector<double> offset_;
};

}  // namespace skyfold
