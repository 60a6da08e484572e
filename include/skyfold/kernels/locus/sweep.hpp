#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/kernels/locus/plane.hpp"

namespace skyfold {

/// A candidate reference star in the plane of the target.
struct StarCandidate {
  Offset at;
  double rating = 0.0;     ///< > 0, at most 1e100
  std::uint32_t star = 0;  ///< number in the StarField
};

/// The best place for the centre of the field.
struct BestPointing {
  Offset centre;           ///< middle of the region from which the counted stars are in the field
  Position position;       ///< the same on the sky
  double score = 0.0;      ///< sum of the ratings of the counted stars
  double margin = 0.0;     ///< distance of the nearest counted star from the edge of the field, degrees
  std::int32_t n_ref = 0;  ///< counted stars; 0: there is no candidate, and nothing else is meaningful
};

/// True when `a` is the better of two pointings: by score, then margin, then smaller offset from the target, then smaller RA, then Dec.
[[nodiscard]] bool is_better_pointing(const BestPointing& a, const BestPointing& b) noexcept;

/// Adding and subtracting this number rounds a weight so that `n` weights of at most `largest` add up without error.
[[nodiscard]] double weight_rounding(double largest, std::size_t n) noexcept;

/// Finds the centre of the field that holds the target and the greatest sum of ratings: exactly, in O(n log n).
///
/// The target is at the origin, so the centre lies in |x| <= width / 2, |y| <= height / 2. A star East of the target is
/// in the field where x > x_star - width / 2, one West where x < x_star + width / 2, and likewise in y: each star
/// favours a rectangle anchored at a corner of the target's own. The rectangles' edges cut the plane into cells; the
/// sweep goes over the columns of cells from West to East and keeps the sums of ratings of the cells of a column in a
/// tree of prefix maxima. Where several cells are best, that with the greater margin wins, then the smaller offset from
/// the target, then the smaller RA, then Dec.
///
/// Ratings are rounded to multiples of about 2^-50 n of the largest, n the number of stars, so that all sums are exact
/// and equal sums are equal whatever the order of addition; a rating that this rounds to 0 does not count. Nothing
/// depends on the order of the candidates.
///
/// Holds buffers that grow to the largest field met: one object per thread, no allocation per target.
class PointingSweep {
 public:
  explicit PointingSweep(FieldSize field) : field_(field) {}

  /// @param candidates  |x| < width, |y| < height
  [[nodiscard]] BestPointing find(std::span<const StarCandidate> candidates, const FieldPlane& plane);
  /// The candidates that the last pointing counts, by their number in `candidates`, increasing.
  [[nodiscard]] std::span<const std::uint32_t> counted() const noexcept { return counted_; }

 private:
  /// What a star asks of one coordinate of the centre: to be beyond `bound`, or before it.
  struct Side {
    double bound = 0.0;
    std::int32_t cell = 0;  ///< first cell after the bound
    bool is_beyond = false;
    [[nodiscard]] bool holds(std::int32_t k) const noexcept { return is_beyond ? k >= cell : k < cell; }
  };
  struct Star {
    Side x, y;
    double weight = 0.0;
    std::uint32_t candidate = 0;
  };
  struct Event {
    double bound;
    std::uint32_t star;
  };
  /// Cells [begin, end) of a column or row.
  struct Cells {
    std::int32_t begin, end;
    [[nodiscard]] bool hold(std::int32_t k) const noexcept { return k >= begin && k < end; }
  };
  struct Region {
    Cells x, y;
  };

  void take(std::span<const StarCandidate> candidates);
  [[nodiscard]] std::int32_t number_cells(Side Star::*side, double half, std::vector<Event>& events);
  void sort_by_bound(std::vector<Event>& events, double half);
  void build_tree();
  void add(std::int32_t cell, double weight) noexcept;
  void sweep_columns();
  void compare_column(std::int32_t column, const FieldPlane& plane, BestPointing& best);
  [[nodiscard]] BestPointing region_of(std::int32_t column, std::int32_t row, Region& region) const noexcept;

  FieldSize field_;
  std::vector<Star> stars_;
  std::vector<Event> x_events_, y_events_, unsorted_;
  std::vector<std::uint32_t> bucket_starts_;
  std::int32_t columns_ = 0, rows_ = 0, leaves_ = 0;  // numbers of cells; leaves of the tree
  std::vector<double> sum_, best_;                    // tree: sum of a node's leaves, greatest prefix sum of them
  double base_ = 0.0, score_ = 0.0;
  std::vector<std::int32_t> best_columns_;
  std::vector<double> column_;
  std::vector<Region> regions_;
  std::int32_t best_column_ = 0, best_row_ = 0;
  std::vector<std::uint32_t> counted_;
};

}  // namespace skyfold
