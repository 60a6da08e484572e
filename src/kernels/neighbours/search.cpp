// Nearest neighbours by a k-d tree whose leaves are whole vectors, cut at the widest dimension.
// Exact, ties too: of equal distances the smaller row comes first.
#include "search.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "../common/simd.hpp"

namespace skyfold {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
/// Bounds are sums of the same squares as distances, added in another order: this much covers the rounding.
constexpr double safety = 1.0 - 1e-12;
/// What is found beyond the number that is wanted before the limit is made smaller, at least.
constexpr std::size_t least_surplus = 8;

/// Whether any point of a leaf is within the limit.
SKYFOLD_INLINE bool has_within(const double* distance2, double limit) {
  LaneBits within = {};
  for (std::size_t i = 0; i < leaf_points; i += n_lanes) {
    Lanes d;
    std::memcpy(&d, distance2 + i, sizeof d);
    within |= d <= limit;
  }
  return (within[0] | within[1] | within[2] | within[3]) != 0;
}

/// A limit within which at least `wanted` of the distances are, and few more.
/// @param distance2  shape [n], followed by a vector of infinities
SKYFOLD_CLONES
double limit_of(const double* distance2, std::size_t n, std::size_t wanted) {
  constexpr int most_halvings = 12;
  double low = 0.0, high = 0.0;
  for (std::size_t i = 0; i < n; ++i) high = distance2[i] > high ? distance2[i] : high;
  for (int k = 0; k < most_halvings; ++k) {
    const double middle = 0.5 * (low + high);
    LaneBits within = {};
    for (std::size_t i = 0; i < n; i += n_lanes) {
      Lanes d;
      std::memcpy(&d, distance2 + i, sizeof d);
      within -= d <= middle;
    }
    const auto count = static_cast<std::size_t>(within[0] + within[1] + within[2] + within[3]);
    if (count < wanted) {
      low = middle;
      continue;
    }
    high = middle;
    if (count <= wanted + wanted / 32) break;
  }
  return high;
}

/// As leaf_distances, with a scale for each dimension.
SKYFOLD_CLONES
void scaled_leaf_distances(const double* coordinates, const double* query, const double* scale, std::size_t dimensions, double* distance2) {
  constexpr std::size_t vectors = leaf_points / n_lanes;
  Lanes sum[vectors] = {};
  for (std::size_t k = 0; k < dimensions; ++k) {
    if (scale[k] == 0.0) continue;  // also because infinity, where a leaf is not full, times 0 is no number
    for (std::size_t v = 0; v < vectors; ++v) {
      Lanes d;
      std::memcpy(&d, coordinates + k * leaf_points + v * n_lanes, sizeof d);
      d = (d - query[k]) * scale[k];
      sum[v] += d * d;
    }
  }
  std::memcpy(distance2, sum, sizeof sum);
}

}  // namespace

SKYFOLD_CLONES
void leaf_distances(const double* coordinates, const double* query, std::size_t dimensions, double* distance2) {
  constexpr std::size_t vectors = leaf_points / n_lanes;
  Lanes sum[vectors] = {};
  for (std::size_t k = 0; k < dimensions; ++k)
    for (std::size_t v = 0; v < vectors; ++v) {
      Lanes d;
      std::memcpy(&d, coordinates + k * leaf_points + v * n_lanes, sizeof d);
      // Coordinates of a leaf lie side by side, dimension by dimension, so a vector holds as many points.
      d -= query[k];
      sum[v] += d * d;
    }
  std::memcpy(distance2, sum, sizeof sum);
}

PointTree::PointTree(std::span<const double> points, std::size_t dimensions, std::span<const std::uint32_t> rows)
    : size_(rows.size()), dimensions_(dimensions), box_low_(dimensions, infinity), box_high_(dimensions, -infinity) {
  for (std::size_t i = 0; i < size_; ++i)
    for (std::size_t k = 0; k < dimensions; ++k) {
      box_low_[k] = std::min(box_low_[k], points[i * dimensions + k]);
      box_high_[k] = std::max(box_high_[k], points[i * dimensions + k]);
    }
  if (size_ == 0) return;
  std::vector<std::uint32_t> order(size_);
  std::iota(order.begin(), order.end(), 0u);
  build(points, rows, order);
}

std::size_t PointTree::bytes() const noexcept {
  return nodes_.size() * sizeof(Node) + coordinates_.size() * sizeof(double) + rows_.size() * sizeof(std::uint32_t);
}

/// Cuts the widest dimension so that the low side fills whole leaves; returns the number of the node.
std::uint32_t PointTree::build(std::span<const double> points, std::span<const std::uint32_t> rows, std::span<std::uint32_t> order) {
  const auto node = static_cast<std::uint32_t>(nodes_.size());
  nodes_.emplace_back();
  if (order.size() <= leaf_points) {
    nodes_[node].leaf = static_cast<std::uint32_t>(rows_.size() / leaf_points);
    add_leaf(points, rows, order);
    return node;
  }
  std::size_t widest = 0;
  double width = -1.0;
  for (std::size_t k = 0; k < dimensions_; ++k) {
    double low = infinity, high = -infinity;
    for (const std::uint32_t i : order) {
      low = std::min(low, points[i * dimensions_ + k]);
      high = std::max(high, points[i * dimensions_ + k]);
    }
    if (high - low > width) widest = k, width = high - low;
  }
  const auto value = [&](std::uint32_t i) { return points[i * dimensions_ + widest]; };
  const auto is_less = [&](std::uint32_t a, std::uint32_t b) { return value(a) != value(b) ? value(a) < value(b) : rows[a] < rows[b]; };
  const std::size_t cut = (order.size() / 2 + leaf_points - 1) / leaf_points * leaf_points;
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(cut), order.end(), is_less);
  const double high_start = value(order[cut]);
  const double low_end = value(*std::max_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(cut), is_less));
  build(points, rows, order.first(cut));
  const std::uint32_t high = build(points, rows, order.subspan(cut));
  // Written last: nodes_ may have moved while the children were made.
  nodes_[node] = {low_end, high_start, static_cast<std::uint32_t>(widest), high, 0};
  return node;
}

void PointTree::add_leaf(std::span<const double> points, std::span<const std::uint32_t> rows, std::span<const std::uint32_t> order) {
  const std::size_t first = coordinates_.size(), first_row = rows_.size();
  coordinates_.resize(first + dimensions_ * leaf_points);
  // A leaf that is not full is filled up with points at infinity, which no search finds.
  std::fill(coordinates_.begin() + static_cast<std::ptrdiff_t>(first), coordinates_.end(), infinity);
  rows_.resize(first_row + leaf_points, 0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    rows_[first_row + i] = rows[order[i]];
    for (std::size_t k = 0; k < dimensions_; ++k) coordinates_[first + k * leaf_points + i] = points[order[i] * dimensions_ + k];
  }
}

std::uint32_t PointTree::leaf_of(const double* point) const noexcept {
  if (nodes_.empty()) return 0;
  std::uint32_t node = 0;
  while (nodes_[node].high != 0) node = point[nodes_[node].dimension] < nodes_[node].high_start ? node + 1 : nodes_[node].high;
  return nodes_[node].leaf;
}

std::span<const std::uint32_t> PointTree::rows_of(std::size_t leaf) const noexcept {
  std::size_t n = 0;
  while (n < leaf_points && coordinates_[leaf * dimensions_ * leaf_points + n] < infinity) ++n;
  return std::span(rows_).subspan(leaf * leaf_points, n);
}

std::span<const Neighbour> NeighbourSearch::find(const PointTree& tree, const double* query, std::size_t wanted) {
  tree_ = &tree;
  query_ = query;
  wanted_ = std::min(wanted, tree.size());
  found_ = 0;
  worst_ = infinity;
  most_ = wanted_ + std::max(least_surplus, wanted_ / 4);
  if (row_.size() < most_ + leaf_points + n_lanes) {
    row_.resize(most_ + leaf_points + n_lanes);
    distance2_.resize(most_ + leaf_points + n_lanes);
  }
  if (wanted_ == 0) return {};
  offset_.assign(tree.dimensions_, 0.0);
  double bound = 0.0;
  for (std::size_t k = 0; k < tree.dimensions_; ++k) {
    const double below = tree.box_low_[k] - query[k], above = query[k] - tree.box_high_[k];
    // Distance of the query to the box of all points, dimension by dimension: going down the tree only one of them changes.
    offset_[k] = std::max({below, above, 0.0});
    bound += offset_[k] * offset_[k];
  }
  visit(0, bound);
  if (found_ > wanted_) drop_far();
  return in_order();
}

void NeighbourSearch::visit(std::uint32_t number, double bound) {
  const PointTree::Node& node = tree_->nodes_[number];
  if (node.high == 0) return scan(node.leaf);
  const std::uint32_t k = node.dimension;
  const double to_low = query_[k] - node.low_end, to_high = node.high_start - query_[k];
  const bool low_first = to_low < to_high;
  // The nearer side first: it makes the limit small, and the other side often falls away.
  visit(low_first ? number + 1 : node.high, bound);
  const double cut = std::max(low_first ? to_high : to_low, offset_[k]), before = offset_[k];
  // Only this dimension's part of the distance to the box has changed.
  const double far_bound = bound - before * before + cut * cut;
  if (far_bound * safety > worst_) return;
  offset_[k] = cut;
  visit(low_first ? node.high : number + 1, far_bound);
  offset_[k] = before;
}

void NeighbourSearch::scan(std::uint32_t leaf) {
  alignas(64) double distance2[leaf_points];
  leaf_distances(&tree_->coordinates_[leaf * leaf_points * tree_->dimensions_], query_, tree_->dimensions_, distance2);
  const std::uint32_t* rows = &tree_->rows_[leaf * leaf_points];
  if (!has_within(distance2, worst_)) return;
  for (std::size_t i = 0; i < leaf_points; ++i) {
    // Every point is written, and the next one over it if it is too far: no branch to guess. Equal distances are kept, too, since the
    // smaller row may be the one that comes later.
    distance2_[found_] = distance2[i];
    row_[found_] = rows[i];
    found_ += distance2[i] <= worst_ && distance2[i] < infinity;
  }
  if (found_ > most_ || (worst_ == infinity && found_ >= wanted_)) drop_far();
}

/// Makes the limit small, and leaves out what is beyond it.
void NeighbourSearch::drop_far() {
  std::fill_n(distance2_.begin() + static_cast<std::ptrdiff_t>(found_), n_lanes, infinity);
  worst_ = limit_of(distance2_.data(), found_, wanted_);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < found_; ++i) {
    distance2_[kept] = distance2_[i];
    row_[kept] = row_[i];
    kept += distance2_[i] <= worst_;
  }
  found_ = kept;
  if (found_ > most_) keep_nearest();
}

/// Where many are equally far, rows decide.
void NeighbourSearch::keep_nearest() {
  (void)in_order();
  found_ = wanted_;
  for (std::size_t i = 0; i < wanted_; ++i) {
    distance2_[i] = best_[i].distance2;
    row_[i] = best_[i].row;
  }
}

std::span<const Neighbour> NeighbourSearch::in_order() {
  best_.resize(found_);
  for (std::size_t i = 0; i < found_; ++i) best_[i] = {distance2_[i], row_[i]};
  std::sort(best_.begin(), best_.end(),
            [](const Neighbour& a, const Neighbour& b) { return a.distance2 != b.distance2 ? a.distance2 < b.distance2 : a.row < b.row; });
  return std::span<const Neighbour>(best_).first(std::min(wanted_, found_));
}

void ScaledSearch::within(const PointTree& tree, const double* query, const double* scale, double limit2, std::vector<Neighbour>& found) {
  tree_ = &tree;
  query_ = query;
  scale_ = scale;
  limit2_ = limit2;
  found_ = &found;
  if (tree.size() == 0) return;
  offset_.assign(tree.dimensions_, 0.0);
  double bound = 0.0;
  bool counts = false;
  for (std::size_t k = 0; k < tree.dimensions_; ++k) {
    offset_[k] = scale[k] * std::max({tree.box_low_[k] - query[k], query[k] - tree.box_high_[k], 0.0});
    bound += offset_[k] * offset_[k];
    counts |= scale[k] > 0.0;
  }
  // Without any dimension that counts there is no distance; the filling of leaves would be found, too.
  if (counts && bound * safety <= limit2) visit(0, bound);
}

void ScaledSearch::visit(std::uint32_t number, double bound) {
  const PointTree::Node& node = tree_->nodes_[number];
  if (node.high == 0) return scan(node.leaf);
  const std::uint32_t k = node.dimension;
  const double to_low = (query_[k] - node.low_end) * scale_[k], to_high = (node.high_start - query_[k]) * scale_[k];
  const double before = offset_[k];
  for (const bool low : {true, false}) {
    const double cut = std::max(low ? to_low : to_high, before);
    const double its_bound = bound - before * before + cut * cut;
    if (its_bound * safety > limit2_) continue;
    offset_[k] = cut;
    visit(low ? number + 1 : node.high, its_bound);
    offset_[k] = before;
  }
}

void ScaledSearch::scan(std::uint32_t leaf) {
  alignas(64) double distance2[leaf_points];
  scaled_leaf_distances(&tree_->coordinates_[leaf * leaf_points * tree_->dimensions_], query_, scale_, tree_->dimensions_, distance2);
  const std::uint32_t* rows = &tree_->rows_[leaf * leaf_points];
  for (std::size_t i = 0; i < leaf_points; ++i)
    if (distance2[i] <= limit2_ && distance2[i] < infinity) found_->push_back({distance2[i], rows[i]});
}

}  // namespace skyfold
