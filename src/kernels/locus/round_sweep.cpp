// The best place of a round field over weighted points: the deepest cell of discs of one size, by a walk around the border of each (the
// angular sweep; Chazelle & Lee 1986, Computing 36, 1), and the smallest circle about what is in it.
#include "skyfold/kernels/locus/round_sweep.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

namespace skyfold {
namespace {

double distance(Offset a, Offset b) noexcept { return std::hypot(a.x - b.x, a.y - b.y); }

Circle about(Offset a, Offset b) noexcept {
  const Offset middle{0.5 * (a.x + b.x), 0.5 * (a.y + b.y)};
  return {middle, std::max(distance(middle, a), distance(middle, b))};
}

/// Through three points; about the farthest two where they lie on a line.
Circle about(Offset a, Offset b, Offset c) noexcept {
  const double bx = b.x - a.x, by = b.y - a.y, cx = c.x - a.x, cy = c.y - a.y;
  const double twice = 2.0 * (bx * cy - by * cx);
  if (twice == 0.0) {
    Circle widest = about(a, b);
    for (const Circle& other : {about(a, c), about(b, c)})
      if (other.radius > widest.radius) widest = other;
    return widest;
  }
  const double b2 = bx * bx + by * by, c2 = cx * cx + cy * cy;
  const Offset centre{a.x + (cy * b2 - by * c2) / twice, a.y + (bx * c2 - cx * b2) / twice};
  return {centre, std::max({distance(centre, a), distance(centre, b), distance(centre, c)})};
}

bool holds(const Circle& circle, Offset point) noexcept {
  constexpr double rounding = 1e-13;  // relative: points on the circle are in it
  return distance(circle.centre, point) <= circle.radius * (1.0 + rounding);
}

}  // namespace

Circle smallest_circle(std::vector<Offset> points) {
  // In an order of their own, so that the last bits do not depend on the caller's.
  std::ranges::sort(points, [](Offset a, Offset b) { return std::tuple(a.x, a.y) < std::tuple(b.x, b.y); });
  if (points.empty()) return {};
  Circle circle{points[0], 0.0};
  // A point outside of the circle so far lies on the next one (Welzl 1991).
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (holds(circle, points[i])) continue;
    circle = {points[i], 0.0};
    for (std::size_t j = 0; j < i; ++j) {
      if (holds(circle, points[j])) continue;
      circle = about(points[i], points[j]);
      for (std::size_t k = 0; k < j; ++k)
        if (!holds(circle, points[k])) circle = about(points[i], points[j], points[k]);
    }
  }
  return circle;
}

BestPointing RoundSweep::find(std::span<const StarCandidate> candidates, const FieldPlane& plane) {
  take(candidates);
  counted_.clear();
  sets_.clear();
  score_ = 0.0;
  BestPointing best;
  if (stars_.empty()) return best;
  for (std::uint32_t disc = 0; disc <= stars_.size(); ++disc) walk(disc);
  for (const auto& set : sets_) judge(plane, set, best);
  std::ranges::sort(counted_);
  return best;
}

void RoundSweep::take(std::span<const StarCandidate> candidates) {
  stars_.clear();
  double largest = 0.0;
  for (const StarCandidate& candidate : candidates) largest = std::max(largest, candidate.rating);
  if (!(largest > 0.0)) return;
  const double rounding = weight_rounding(largest, candidates.size());
  for (std::uint32_t i = 0; i < candidates.size(); ++i) {
    // Exact sums make equal scores equal, whatever the order in which they were added up.
    const Star star{candidates[i].at, (candidates[i].rating + rounding) - rounding, i};
    if (star.weight > 0.0 && distance(star.at, {}) < 2.0 * radius_) stars_.push_back(star);
  }
}

Offset RoundSweep::centre_of(std::uint32_t disc) const noexcept { return disc < stars_.size() ? stars_[disc].at : Offset{}; }

void RoundSweep::toggle(std::uint32_t star, bool enters) noexcept {
  inside_[star] = enters ? 1 : 0;
  if (star < stars_.size()) sum_ += enters ? stars_[star].weight : -stars_[star].weight;
}

/// Where the border of a disc enters and leaves the others; those that it is in at angle -pi are counted at once.
void RoundSweep::gather_events(std::uint32_t disc) {
  constexpr double pi = std::numbers::pi;
  events_.clear();
  inside_.assign(stars_.size() + 1, 0);
  sum_ = 0.0;
  toggle(disc, true);
  const Offset from = centre_of(disc);
  for (std::uint32_t other = 0; other <= stars_.size(); ++other) {
    if (other == disc) continue;
    const Offset to = centre_of(other);
    const double apart = distance(from, to);
    if (apart == 0.0) {
      toggle(other, true);  // the same disc
      continue;
    }
    if (apart >= 2.0 * radius_) continue;
    const double towards = std::atan2(to.y - from.y, to.x - from.x), half = std::acos(apart / (2.0 * radius_));
    double enters = towards - half, leaves = towards + half;
    if (enters < -pi || leaves >= pi) toggle(other, true);
    if (enters < -pi) enters += 2.0 * pi;
    if (leaves >= pi) leaves -= 2.0 * pi;
    events_.push_back({enters, other, true});
    events_.push_back({leaves, other, false});
  }
  // Where one disc is left and another entered at the same place, no cell is in both: left first.
  std::ranges::sort(events_, [](const Event& a, const Event& b) {
    return std::tuple(a.angle, a.enters, a.star) < std::tuple(b.angle, b.enters, b.star);
  });
}

/// Goes around the border of a disc and looks at each arc from within.
void RoundSweep::walk(std::uint32_t disc) {
  gather_events(disc);
  look(sum_);
  for (std::size_t i = 0; i < events_.size(); ++i) {
    toggle(events_[i].star, events_[i].enters);
    if (i + 1 == events_.size() || events_[i + 1].angle != events_[i].angle) look(sum_);
  }
}

/// Keeps the stars of the cell at which the walk is, where none is better.
void RoundSweep::look(double score) {
  if (!inside_[stars_.size()] || score < score_ || score == 0.0) return;
  if (score > score_) sets_.clear();
  score_ = score;
  std::vector<std::uint32_t> set;
  for (std::uint32_t star = 0; star < stars_.size(); ++star)
    if (inside_[star]) set.push_back(star);
  // A cell is met once along each of its sides.
  if (std::ranges::find(sets_, set) == sets_.end()) sets_.push_back(std::move(set));
}

/// Compares the pointing of a best cell with the best so far.
void RoundSweep::judge(const FieldPlane& plane, const std::vector<std::uint32_t>& set, BestPointing& best) {
  std::vector<Offset> points = {{0.0, 0.0}};
  for (const std::uint32_t star : set) points.push_back(stars_[star].at);
  const Circle circle = smallest_circle(points);
  BestPointing pointing{circle.centre, plane.position(circle.centre), score_, radius_ - circle.radius,
                        static_cast<std::int32_t>(set.size())};
  if (best.n_ref > 0 && !is_better_pointing(pointing, best)) return;
  best = pointing;
  counted_.clear();
  for (const std::uint32_t star : set) counted_.push_back(stars_[star].candidate);
}

}  // namespace skyfold
