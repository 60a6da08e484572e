// The best place of a rectangle over weighted points: a sweep over one coordinate with a tree of sums over the other, in
// O(n log n). Weights are rounded so that all sums are exact.
#include "skyfold/kernels/locus/sweep.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace skyfold {
bool is_better_pointing(const BestPointing& a, const BestPointing& b) noexcept {
  if (a.score != b.score) return a.score > b.score;
  if (a.margin != b.margin) return a.margin > b.margin;
  const auto distance2 = [](Offset o) { return o.x * o.x + o.y * o.y; };
  if (distance2(a.centre) != distance2(b.centre)) return distance2(a.centre) < distance2(b.centre);
  if (a.position.ra != b.position.ra) return a.position.ra < b.position.ra;
  return a.position.dec < b.position.dec;
}

double weight_rounding(double largest, std::size_t n) noexcept {
  const int bits = std::ilogb(largest) + 1 + static_cast<int>(std::bit_width(n));  // of the integer part of the sum
  return std::ldexp(1.5, bits);  // in [2^bits, 2^(bits + 1)) doubles are 2^(bits - 52) apart
}

BestPointing PointingSweep::find(std::span<const StarCandidate> candidates, const FieldPlane& plane) {
  take(candidates);
  counted_.clear();
  BestPointing best;
  if (stars_.empty()) return best;
  columns_ = number_cells(&Star::x, 0.5 * field_.width, x_events_);
  rows_ = number_cells(&Star::y, 0.5 * field_.height, y_events_);
  sweep_columns();
  regions_.clear();
  for (const std::int32_t column : best_columns_) compare_column(column, plane, best);
  for (const Star& star : stars_)
    if (star.x.holds(best_column_) && star.y.holds(best_row_)) counted_.push_back(star.candidate);
  return best;
}

/// Keeps the stars that can be in the field, with rounded weights.
void PointingSweep::take(std::span<const StarCandidate> candidates) {
  stars_.clear();
  double largest = 0.0;
  for (const StarCandidate& candidate : candidates) largest = std::max(largest, candidate.rating);
  if (!(largest > 0.0)) return;
  const double rounding = weight_rounding(largest, candidates.size());
  const auto side = [](double at, double half) { return at >= 0.0 ? Side{at - half, 0, true} : Side{at + half, 0, false}; };
  const auto is_possible = [](const Side& s, double half) { return s.is_beyond ? s.bound < half : s.bound > -half; };
  for (std::uint32_t i = 0; i < candidates.size(); ++i) {
    const StarCandidate& candidate = candidates[i];
    const Star star{side(candidate.at.x, 0.5 * field_.width), side(candidate.at.y, 0.5 * field_.height),
                    // Exact sums make equal scores equal, whatever the order in which they were added up.
                    (candidate.rating + rounding) - rounding, i};
    if (star.weight > 0.0 && is_possible(star.x, 0.5 * field_.width) && is_possible(star.y, 0.5 * field_.height)) stars_.push_back(star);
  }
}

/// Numbers the cells of one coordinate, cut by the stars' bounds, and each star's bound by the first cell after it.
std::int32_t PointingSweep::number_cells(Side Star::*side, double half, std::vector<Event>& events) {
  events.clear();
  for (std::uint32_t i = 0; i < stars_.size(); ++i) events.push_back({(stars_[i].*side).bound, i});
  sort_by_bound(events, half);
  std::int32_t cell = 0;
  double before = -half;  // a bound on the edge of the target's own rectangle cuts nothing off
  for (const Event& event : events) {
    // Equal bounds share a cell border.
    if (event.bound > before && event.bound < half) ++cell;
    before = std::max(before, event.bound);
    (stars_[event.star].*side).cell = event.bound < half ? cell : cell + 1;
  }
  return cell + 1;
}

/// Bounds are spread over [-half, half], so that a bucket for each event leaves little to compare; sorting many at once
/// would mispredict every other branch.
void PointingSweep::sort_by_bound(std::vector<Event>& events, double half) {
  constexpr std::size_t few = 16;
  const auto by_bound = [](const Event& a, const Event& b) { return a.bound < b.bound; };
  const std::size_t n = events.size();
  if (n < few) {
    std::ranges::sort(events, by_bound);
    return;
  }
  const double buckets_per_unit = static_cast<double>(n) / (2.0 * half);
  const auto bucket_of = [&](const Event& e) { return std::min(static_cast<std::size_t>((e.bound + half) * buckets_per_unit), n - 1); };
  bucket_starts_.assign(n + 1, 0);
  for (const Event& event : events) ++bucket_starts_[bucket_of(event) + 1];
  std::partial_sum(bucket_starts_.begin(), bucket_starts_.end(), bucket_starts_.begin());
  unsorted_.swap(events);
  events.resize(n);
  for (const Event& event : unsorted_) events[bucket_starts_[bucket_of(event)]++] = event;  // then they are the buckets' ends
  for (std::size_t b = 0, begin = 0; b < n; begin = bucket_starts_[b++])
    if (bucket_starts_[b] > begin + 1) std::sort(events.begin() + begin, events.begin() + bucket_starts_[b], by_bound);
}

/// Puts the stars of the first column into the tree.
void PointingSweep::build_tree() {
  leaves_ = static_cast<std::int32_t>(std::bit_ceil(static_cast<std::uint32_t>(rows_)));
  sum_.assign(2 * static_cast<std::size_t>(leaves_), 0.0);
  best_.resize(sum_.size());
  base_ = 0.0;
  for (const Star& star : stars_) {
    if (!star.x.holds(0)) continue;
    if (!star.y.is_beyond) base_ += star.weight;
    if (star.y.cell < rows_) sum_[leaves_ + star.y.cell] += star.y.is_beyond ? star.weight : -star.weight;
  }
  std::copy(sum_.begin() + leaves_, sum_.end(), best_.begin() + leaves_);
  for (std::int32_t node = leaves_ - 1; node > 0; --node) {
    sum_[node] = sum_[2 * node] + sum_[2 * node + 1];
    // The largest sum over beginnings of the node's cells: score changes add up from the first row on.
    best_[node] = std::max(best_[2 * node], sum_[2 * node] + best_[2 * node + 1]);
  }
}

/// Adds `weight` to all cells of the column from `cell` on.
void PointingSweep::add(std::int32_t cell, double weight) noexcept {
  if (cell >= rows_) return;
  std::int32_t node = leaves_ + cell;
  sum_[node] += weight;
  best_[node] = sum_[node];
  for (node /= 2; node > 0; node /= 2) {
    sum_[node] = sum_[2 * node] + sum_[2 * node + 1];
    best_[node] = std::max(best_[2 * node], sum_[2 * node] + best_[2 * node + 1]);
  }
}

/// Finds the greatest score and the columns that have it.
void PointingSweep::sweep_columns() {
  build_tree();
  score_ = 0.0;
  best_columns_.clear();
  std::size_t next = 0;
  while (next < x_events_.size() && stars_[x_events_[next].star].x.cell == 0) ++next;  // these are in the first column
  for (std::int32_t column = 0; column < columns_; ++column) {
    for (; next < x_events_.size() && stars_[x_events_[next].star].x.cell == column; ++next) {
      const Star& star = stars_[x_events_[next].star];
      const double weight = star.x.is_beyond ? star.weight : -star.weight;
      if (!star.y.is_beyond) base_ += weight;
      add(star.y.cell, star.y.is_beyond ? weight : -weight);
    }
    const double score = base_ + best_[1];
    // All columns with the greatest score are kept: which of them is best is decided by margin and distance later.
    if (score < score_) continue;
    if (score > score_) best_columns_.clear();
    score_ = score;
    best_columns_.push_back(column);
  }
}

/// Compares the best cells of a column with the best so far.
void PointingSweep::compare_column(std::int32_t column, const FieldPlane& plane, BestPointing& best) {
  column_.assign(static_cast<std::size_t>(rows_) + 1, 0.0);
  for (const Star& star : stars_) {
    if (!star.x.holds(column)) continue;
    column_[star.y.is_beyond ? star.y.cell : 0] += star.weight;
    if (!star.y.is_beyond) column_[star.y.cell] -= star.weight;
  }
  double score = 0.0;
  for (std::int32_t row = 0; row < rows_; ++row) {
    score += column_[row];
    const auto is_known = [&](const Region& r) { return r.x.hold(column) && r.y.hold(row); };
    // Neighbouring cells may belong to one region, which is judged once.
    if (score != score_ || std::ranges::any_of(regions_, is_known)) continue;
    Region region;
    BestPointing pointing = region_of(column, row, region);
    regions_.push_back(region);
    pointing.position = plane.position(pointing.centre);
    if (best.n_ref > 0 && !is_better_pointing(pointing, best)) continue;
    best = pointing;
    best_column_ = column;
    best_row_ = row;
  }
}

/// The region from which all stars that a cell counts are in the field: the same score all over it, since nothing can
/// be added to a best cell.
BestPointing PointingSweep::region_of(std::int32_t column, std::int32_t row, Region& region) const noexcept {
  Offset low{-0.5 * field_.width, -0.5 * field_.height}, high{0.5 * field_.width, 0.5 * field_.height};
  region = {{0, columns_}, {0, rows_}};
  BestPointing pointing;
  pointing.score = score_;
  // Each counted star bounds the centre on one side: what is on the other side of its bound is taken off.
  const auto narrow = [](const Side& side, double& from, double& to, Cells& cells) {
    if (side.is_beyond) {
      from = std::max(from, side.bound);
      cells.begin = std::max(cells.begin, side.cell);
    } else {
      to = std::min(to, side.bound);
      cells.end = std::min(cells.end, side.cell);
    }
  };
  for (const Star& star : stars_) {
    if (!star.x.holds(column) || !star.y.holds(row)) continue;
    ++pointing.n_ref;
    narrow(star.x, low.x, high.x, region.x);
    narrow(star.y, low.y, high.y, region.y);
  }
  pointing.centre = {0.5 * (low.x + high.x), 0.5 * (low.y + high.y)};
  pointing.margin = 0.5 * std::min(high.x - low.x, high.y - low.y);
  return pointing;
}

}  // namespace skyfold
