#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/kernels/locus/sweep.hpp"

namespace skyfold {

/// Finds the centre of a round field that holds the target and the greatest sum of ratings: exactly, in O(n^2 log n).
///
/// The target is at the origin. A star is in the field where the centre is nearer to it than the radius: all stars, and the target, favour
/// discs of one size. The borders of these discs cut the plane into cells; the best cell is bounded by discs that it lies in, so a walk
/// around the border of each disc, which counts the discs that are entered and left, passes along it (the angular sweep). The pointing is
/// the centre of the smallest circle about the stars of the best cell and the target, from which the farthest of them is nearest. Ties and
/// rounding of ratings are those of PointingSweep.
///
/// Holds buffers: one object per thread.
class RoundSweep {
 public:
  explicit RoundSweep(double radius_deg) : radius_(radius_deg) {}

  /// @param candidates  nearer to the origin than the diameter
  [[nodiscard]] BestPointing find(std::span<const StarCandidate> candidates, const FieldPlane& plane);
  /// The candidates that the last pointing counts, by their number in `candidates`, increasing.
  [[nodiscard]] std::span<const std::uint32_t> counted() const noexcept { return counted_; }

 private:
  struct Star {
    Offset at;
    double weight = 0.0;
    std::uint32_t candidate = 0;
  };
  /// Where the border of a disc enters (+) or leaves (-) the disc of a star; `star` is the number of stars for the target's.
  struct Event {
    double angle = 0.0;
    std::uint32_t star = 0;
    bool enters = false;
  };

  void take(std::span<const StarCandidate> candidates);
  void walk(std::uint32_t disc);
  void gather_events(std::uint32_t disc);
  void toggle(std::uint32_t star, bool enters) noexcept;
  void look(double score);
  [[nodiscard]] Offset centre_of(std::uint32_t disc) const noexcept;
  void judge(const FieldPlane& plane, const std::vector<std::uint32_t>& set, BestPointing& best);

  double radius_;
  std::vector<Star> stars_;
  std::vector<Event> events_;
  std::vector<std::uint8_t> inside_;  // by star, and the target: whether the walk is in its disc
  double sum_ = 0.0, score_ = 0.0;
  std::vector<std::vector<std::uint32_t>> sets_;  // stars of the best cells
  std::vector<std::uint32_t> counted_;
};

/// A circle in the plane of a target.
struct Circle {
  Offset centre;
  double radius = 0.0;
};
/// The smallest circle about points; the same for any order of them. O(n^2) for few points on the circle.
[[nodiscard]] Circle smallest_circle(std::vector<Offset> points);

}  // namespace skyfold
