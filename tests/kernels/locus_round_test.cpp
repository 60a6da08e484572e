#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "locus_reference.hpp"
#include "skyfold/kernels/locus/round_sweep.hpp"

using namespace skyfold;

namespace {

constexpr double radius = 0.1;

double distance(Offset a, Offset b) { return std::hypot(a.x - b.x, a.y - b.y); }

/// Ratings are multiples of 2^-10, so that sums are exact in any order; some are 0, some stars lie on a lattice or on each other.
std::vector<StarCandidate> random_stars(std::uint64_t number, std::size_t n) {
  ObjectRandom random(17, number);
  std::vector<StarCandidate> stars;
  while (stars.size() < n) {
    Offset at{2.0 * radius * (2.0 * random.uniform() - 1.0), 2.0 * radius * (2.0 * random.uniform() - 1.0)};
    if (number % 3 == 1 && stars.size() % 2 == 1) at = stars.back().at;
    if (!(distance(at, {}) < 2.0 * radius)) continue;
    stars.push_back({at, std::floor(1024.0 * std::floor(5.0 * random.uniform()) * random.uniform()) / 1024.0,
                     static_cast<std::uint32_t>(stars.size())});
  }
  return stars;
}

/// The greatest sum over all points where the borders of two discs cross, and the middles of single stars and the target: every cell of the
/// discs that holds the target has such a point on its border or in it.
double greatest_sum(const std::vector<StarCandidate>& stars) {
  constexpr double slack = 1e-9;
  std::vector<Offset> discs = {{}};
  for (const StarCandidate& star : stars)
    if (star.rating > 0.0) discs.push_back(star.at);
  std::vector<Offset> points = discs;
  for (const Offset a : discs)
    for (const Offset b : discs) {
      const double apart = distance(a, b);
      if (apart == 0.0 || apart >= 2.0 * radius) continue;
      const double half = std::sqrt(radius * radius - 0.25 * apart * apart);
      // Both orders of the pair give both crossings.
      points.push_back({0.5 * (a.x + b.x) - half * (b.y - a.y) / apart, 0.5 * (a.y + b.y) + half * (b.x - a.x) / apart});
    }
  double best = 0.0;
  for (const Offset point : points) {
    if (distance(point, {}) > radius + slack) continue;
    double sum = 0.0;
    for (const StarCandidate& star : stars)
      if (distance(star.at, point) <= radius + slack) sum += star.rating;
    best = std::max(best, sum);
  }
  return best;
}

/// The smallest circle about points, from all pairs and triples.
double smallest_radius(const std::vector<Offset>& points) {
  const auto reach = [&](Offset centre) {
    double farthest = 0.0;
    for (const Offset point : points) farthest = std::max(farthest, distance(point, centre));
    return farthest;
  };
  double best = reach(points[0]);
  for (std::size_t i = 0; i < points.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const Offset a = points[i], b = points[j];
      best = std::min(best, reach({0.5 * (a.x + b.x), 0.5 * (a.y + b.y)}));
      for (std::size_t k = 0; k < j; ++k) {
        const Offset c = points[k];
        const double d = 2.0 * (a.x * (b.y - c.y) + b.x * (c.y - a.y) + c.x * (a.y - b.y));
        if (d == 0.0) continue;
        const double a2 = a.x * a.x + a.y * a.y, b2 = b.x * b.x + b.y * b.y, c2 = c.x * c.x + c.y * c.y;
        best = std::min(best, reach({(a2 * (b.y - c.y) + b2 * (c.y - a.y) + c2 * (a.y - b.y)) / d,
                                     (a2 * (c.x - b.x) + b2 * (a.x - c.x) + c2 * (b.x - a.x)) / d}));
      }
    }
  return best;
}

TEST(RoundSweep, FindsTheGreatestSumOfAllCrossingsInTwoThousandFields) {
  RoundSweep sweep(radius);
  const FieldPlane plane({12.0, 60.0}, LocusGeometry::tangent);
  int found = 0;
  for (std::uint64_t number = 0; number < 2'000; ++number) {
    const auto stars = random_stars(number, number % 23);
    const BestPointing best = sweep.find(stars, plane);
    SCOPED_TRACE("field " + std::to_string(number));
    ASSERT_EQ(best.score, greatest_sum(stars));
    if (best.n_ref == 0) continue;
    ++found;
    std::vector<Offset> inside = {{}};
    double sum = 0.0;
    std::vector<std::uint32_t> counted;
    for (std::uint32_t i = 0; i < stars.size(); ++i) {
      if (!(stars[i].rating > 0.0) || !(distance(stars[i].at, best.centre) < radius)) continue;
      inside.push_back(stars[i].at);
      counted.push_back(i);
      sum += stars[i].rating;
    }
    EXPECT_EQ(sum, best.score);
    EXPECT_EQ(counted, std::vector<std::uint32_t>(sweep.counted().begin(), sweep.counted().end()));
    EXPECT_EQ(best.n_ref, static_cast<std::int32_t>(counted.size()));
    EXPECT_GT(best.margin, 0.0);
    EXPECT_NEAR(radius - best.margin, smallest_radius(inside), 1e-12);
    EXPECT_EQ(best.position.ra, plane.position(best.centre).ra);
  }
  EXPECT_GT(found, 1'500);
}

TEST(RoundSweep, DoesNotDependOnTheOrderOfTheStars) {
  RoundSweep sweep(radius);
  const FieldPlane plane({300.0, -30.0}, LocusGeometry::tangent);
  for (std::uint64_t number = 0; number < 200; ++number) {
    ObjectRandom random(18, number);
    auto stars = random_stars(number, 20);
    for (StarCandidate& star : stars) star.rating *= 1.0 + 0.1 * random.uniform();
    const BestPointing best = sweep.find(stars, plane);
    for (int turn = 0; turn < 3; ++turn) {
      for (std::size_t i = stars.size(); i-- > 1;) std::swap(stars[i], stars[random.next() % (i + 1)]);
      const BestPointing again = sweep.find(stars, plane);
      EXPECT_EQ(again.score, best.score);
      EXPECT_EQ(again.margin, best.margin);
      EXPECT_EQ(again.centre.x, best.centre.x);
      EXPECT_EQ(again.centre.y, best.centre.y);
      EXPECT_EQ(again.n_ref, best.n_ref);
    }
  }
}

TEST(RoundSweep, PutsOneStarAndTheTargetAtEqualDistanceFromTheMiddle) {
  RoundSweep sweep(radius);
  const FieldPlane plane({10.0, 20.0}, LocusGeometry::tangent);
  const std::vector<StarCandidate> one = {{{0.06, -0.08}, 0.5, 0}};
  const BestPointing best = sweep.find(one, plane);
  EXPECT_EQ(best.n_ref, 1);
  EXPECT_DOUBLE_EQ(best.centre.x, 0.03);
  EXPECT_DOUBLE_EQ(best.centre.y, -0.04);
  EXPECT_DOUBLE_EQ(best.margin, 0.05);
  EXPECT_EQ(sweep.find({}, plane).n_ref, 0);
  const std::vector<StarCandidate> at_target = {{{0.0, 0.0}, 1.0, 0}};
  EXPECT_EQ(sweep.find(at_target, plane).margin, radius);
}

TEST(FieldPlane, TurnedByAnAngleTurnsOffsetsAndKeepsPositions) {
  for (const Position target : {Position{359.99, 40.0}, Position{12.0, -89.95}, Position{0.0, 90.0}})
    for (const double angle : {0.0, 17.0, 90.0, 211.5, 359.0}) {
      const FieldPlane north(target, LocusGeometry::tangent), turned(target, LocusGeometry::tangent, angle);
      const Offset at{0.11, -0.07};
      const Position star = north.position(at);
      const Offset seen = turned.offset(star, direction_of(star));
      const double c = std::cos(angle * std::numbers::pi / 180.0), s = std::sin(angle * std::numbers::pi / 180.0);
      EXPECT_NEAR(seen.x, at.x * c - at.y * s, 1e-12);
      EXPECT_NEAR(seen.y, at.x * s + at.y * c, 1e-12);
      const Offset back = turned.to_north(seen);
      EXPECT_NEAR(back.x, at.x, 1e-12);
      EXPECT_NEAR(back.y, at.y, 1e-12);
      const Position again = turned.position(seen);
      EXPECT_LT(chord2(direction_of(again), direction_of(star)), 1e-24);
      // The height of the field points from North towards East by the angle.
      const Offset height = turned.to_north({0.0, 1.0});
      EXPECT_NEAR(height.x, s, 1e-12);
      EXPECT_NEAR(height.y, c, 1e-12);
    }
}

}  // namespace
