// Weights that make a training sample look like a photometric one, by nearest neighbours (Lima et al. 2008, MNRAS 390, 118): each
// training object has a ball to its N-th neighbour, and the reference objects in the balls are counted in one pass.
#include "skyfold/kernels/samples/weights.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "../neighbours/search.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t leaf_balls = leaf_points, chunk = 512;
constexpr double widen = 1.0 + 1e-12;  // boxes hold their balls, whatever is rounded
constexpr std::uint32_t copies_stream = 0x77676801, spread_stream = 0x77000000;

}  // namespace

/// A tree of boxes that hold whole balls: a point outside a box is in none of its balls.
struct TrainingBalls::Impl {
  struct Node {
    std::uint32_t end = 0;   ///< number of the node behind this one's descendants
    std::int32_t leaf = -1;  ///< -1: none
  };

  std::size_t n = 0, dimensions = 0, neighbours = 0;
  std::vector<double> radius, radius2;
  std::vector<std::int64_t> counts;
  std::int64_t counted = 0, covered = 0;

  std::vector<Node> nodes;
  std::vector<double> boxes;            ///< [nodes x 2 x dimensions] low ends, high ends
  AlignedVector<double> centres;        ///< [leaves x dimensions x leaf_balls]
  AlignedVector<double> leaf_radius2;   ///< [leaves x leaf_balls]; -1 where a leaf is not full
  std::vector<std::uint32_t> leaf_row;  ///< [leaves x leaf_balls]

  void measure(std::span<const double> points, int threads);
  void build(std::span<const double> points, std::span<std::uint32_t> order);
  void add_leaf(std::span<const double> points, std::span<const std::uint32_t> order);
  std::int32_t find(const double* point, std::vector<std::uint32_t>& hits) const;
};

/// Radii; and the tree over all objects that have one.
void TrainingBalls::Impl::measure(std::span<const double> points, int threads) {
  std::vector<std::uint32_t> list;
  std::vector<double> complete;
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto point = points.subspan(i * dimensions, dimensions);
    if (!std::all_of(point.begin(), point.end(), [](double x) { return std::isfinite(x); })) continue;
    list.push_back(i);
    complete.insert(complete.end(), point.begin(), point.end());
  }
  // An N-th neighbour needs N others.
  if (list.size() <= neighbours)
    throw DataError(fmt::format("{} objects of the sample have all magnitudes of weights.space (weights by {} neighbours need more)",
                                list.size(), neighbours));
  const PointTree tree(complete, dimensions, list);
  std::vector<NeighbourSearch> searches(static_cast<std::size_t>(threads));
  parallel_for(list.size(), chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    for (std::size_t i = begin; i < end; ++i) {
      // Itself is at distance 0, and so in the first place or among equals of it: the N-th other one is at place N.
      const auto found = searches[static_cast<std::size_t>(thread)].find(tree, &complete[i * dimensions], neighbours + 1);
      radius2[list[i]] = found[neighbours].distance2;
      radius[list[i]] = std::sqrt(radius2[list[i]]);
    }
  });
  build(points, list);
}

void TrainingBalls::Impl::build(std::span<const double> points, std::span<std::uint32_t> order) {
  const std::size_t node = nodes.size();
  nodes.emplace_back();
  boxes.resize(boxes.size() + 2 * dimensions);
  std::size_t widest = 0;
  double width = -1.0;
  for (std::size_t k = 0; k < dimensions; ++k) {
    // The box holds whole balls, a little widened: rounding must not exclude a ball that touches the point.
    double low = infinity, high = -infinity, low_centre = infinity, high_centre = -infinity;
    for (const std::uint32_t i : order) {
      const double x = points[i * dimensions + k], r = radius[i] * widen + std::abs(x) * 1e-15;
      low = std::min(low, x - r);
      high = std::max(high, x + r);
      low_centre = std::min(low_centre, x);
      high_centre = std::max(high_centre, x);
    }
    boxes[node * 2 * dimensions + k] = low;
    boxes[(node * 2 + 1) * dimensions + k] = high;
    if (high_centre - low_centre > width) widest = k, width = high_centre - low_centre;
  }
  if (order.size() <= leaf_balls) {
    nodes[node].leaf = static_cast<std::int32_t>(leaf_row.size() / leaf_balls);
    add_leaf(points, order);
  } else {
    // At a multiple of the leaf's size, so that all leaves but the last one are full.
    const std::size_t cut = (order.size() / 2 + leaf_balls - 1) / leaf_balls * leaf_balls;
    std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(cut), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      const double x = points[a * dimensions + widest], y = points[b * dimensions + widest];
      // Equal coordinates in the order of their rows: else the tree would depend on the library.
      return x != y ? x < y : a < b;
    });
    build(points, order.first(cut));
    build(points, order.subspan(cut));
  }
  nodes[node].end = static_cast<std::uint32_t>(nodes.size());
}

void TrainingBalls::Impl::add_leaf(std::span<const double> points, std::span<const std::uint32_t> order) {
  const std::size_t first = centres.size(), first_row = leaf_row.size();
  centres.resize(first + dimensions * leaf_balls);
  std::fill(centres.begin() + static_cast<std::ptrdiff_t>(first), centres.end(), 0.0);
  leaf_row.resize(first_row + leaf_balls, 0);
  leaf_radius2.resize(first_row + leaf_balls);
  // No distance is below it: empty places of a leaf count nothing.
  std::fill(leaf_radius2.begin() + static_cast<std::ptrdiff_t>(first_row), leaf_radius2.end(), -1.0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    leaf_row[first_row + i] = order[i];
    leaf_radius2[first_row + i] = radius2[order[i]];
    for (std::size_t k = 0; k < dimensions; ++k) centres[first + k * leaf_balls + i] = points[order[i] * dimensions + k];
  }
}

/// Adds the training rows whose balls hold a point to `hits`; returns how many.
std::int32_t TrainingBalls::Impl::find(const double* point, std::vector<std::uint32_t>& hits) const {
  alignas(64) double distance2[leaf_balls];
  std::int32_t inside = 0;
  // Nodes stand in the order of a walk: a box that is missed is passed over with all below it.
  for (std::uint32_t node = 0; node < nodes.size();) {
    const double *low = &boxes[node * 2 * dimensions], *high = low + dimensions;
    bool is_in = true;
    for (std::size_t k = 0; k < dimensions; ++k) is_in &= (point[k] >= low[k]) & (point[k] <= high[k]);
    if (!is_in) {
      node = nodes[node].end;
      continue;
    }
    if (nodes[node].leaf >= 0) {
      const auto leaf = static_cast<std::size_t>(nodes[node].leaf);
      leaf_distances(&centres[leaf * leaf_balls * dimensions], point, dimensions, distance2);
      for (std::size_t i = 0; i < leaf_balls; ++i)
        if (distance2[i] <= leaf_radius2[leaf * leaf_balls + i]) {
          hits.push_back(leaf_row[leaf * leaf_balls + i]);
          ++inside;
        }
    }
    ++node;
  }
  return inside;
}

TrainingBalls::TrainingBalls(std::span<const double> points, std::size_t dimensions, std::size_t neighbours, int threads)
    : impl_(std::make_unique<Impl>()) {
  impl_->n = points.size() / dimensions;
  impl_->dimensions = dimensions;
  impl_->neighbours = neighbours;
  impl_->radius.assign(impl_->n, nan);
  impl_->radius2.assign(impl_->n, nan);
  impl_->counts.assign(impl_->n, 0);
  impl_->measure(points, threads);
}

TrainingBalls::~TrainingBalls() = default;

void TrainingBalls::count(std::span<const double> points, std::span<std::int32_t> inside, int threads) {
  Impl& p = *impl_;
  std::vector<std::vector<std::int64_t>> counts(static_cast<std::size_t>(threads));
  std::vector<std::vector<std::uint32_t>> hits(static_cast<std::size_t>(threads));
  parallel_for(inside.size(), chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    auto& mine = counts[static_cast<std::size_t>(thread)];
    auto& found = hits[static_cast<std::size_t>(thread)];
    if (mine.empty()) mine.assign(p.n, 0);
    for (std::size_t i = begin; i < end; ++i) {
      const double* point = &points[i * p.dimensions];
      if (!std::all_of(point, point + p.dimensions, [](double x) { return std::isfinite(x); })) {
        inside[i] = -1;
        continue;
      }
      found.clear();
      inside[i] = p.find(point, found);
      // Counts are whole numbers, so their sums over threads do not depend on the order.
      for (const std::uint32_t row : found) ++mine[row];
    }
  });
  for (const auto& mine : counts)
    for (std::size_t i = 0; i < mine.size(); ++i) p.counts[i] += mine[i];
  for (const std::int32_t balls : inside) {
    p.counted += balls >= 0;
    p.covered += balls > 0;
  }
}

void TrainingBalls::around(std::span<const double> point, std::vector<std::uint32_t>& rows) const {
  if (std::all_of(point.begin(), point.end(), [](double x) { return std::isfinite(x); })) impl_->find(point.data(), rows);
}

void TrainingBalls::add(std::span<const std::int64_t> counts, std::int64_t counted, std::int64_t covered) {
  for (std::size_t i = 0; i < std::min(counts.size(), impl_->counts.size()); ++i) impl_->counts[i] += counts[i];
  impl_->counted += counted;
  impl_->covered += covered;
}

std::span<const double> TrainingBalls::radius() const noexcept { return impl_->radius; }
std::span<const std::int64_t> TrainingBalls::counts() const noexcept { return impl_->counts; }
std::int64_t TrainingBalls::counted() const noexcept { return impl_->counted; }
std::int64_t TrainingBalls::covered() const noexcept { return impl_->covered; }

std::vector<double> TrainingBalls::weights() const {
  std::vector<double> weights(impl_->counts.begin(), impl_->counts.end());
  // Normalised to the sum 1: how many reference objects there were says nothing about the training set.
  const auto sum = static_cast<double>(std::accumulate(impl_->counts.begin(), impl_->counts.end(), std::int64_t{0}));
  if (sum > 0.0)
    for (double& w : weights) w /= sum;
  return weights;
}

std::vector<std::int32_t> weighted_copies(std::span<const std::int64_t> id, std::span<const double> weight, double target,
                                          std::uint64_t seed) {
  std::vector<std::int32_t> copies(weight.size());
  for (std::size_t i = 0; i < weight.size(); ++i) {
    const double wanted = target * weight[i], whole = std::floor(wanted);
    ObjectRandom random(seed, static_cast<std::uint64_t>(id[i]), copies_stream);
    // Rounded at random by the fraction: on average each object has exactly the copies that it should have.
    copies[i] = static_cast<std::int32_t>(whole) + (random.uniform() < wanted - whole ? 1 : 0);
  }
  return copies;
}

double spread_magnitude(double mag, double mag_err, std::uint64_t seed, std::int64_t id, std::int32_t copy, std::uint32_t band) noexcept {
  if (!(mag_err > 0.0) || !std::isfinite(mag)) return mag;
  // A sequence of its own for each (seed, id, copy, band).
  ObjectRandom random(mix64(seed) ^ static_cast<std::uint64_t>(copy), static_cast<std::uint64_t>(id), spread_stream + band);
  return mag + mag_err * random.normal();
}

}  // namespace skyfold
