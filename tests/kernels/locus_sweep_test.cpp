#include <gtest/gtest.h>

#include <string>

#include "locus_reference.hpp"

using namespace skyfold;

namespace {

constexpr FieldSize field = {0.2, 0.125};

/// How the stars of a random field lie.
enum class Layout { anywhere, lattice, nested, repeated };

/// Ratings are multiples of 2^-10, so that sums are exact in any order; some are 0.
std::vector<StarCandidate> random_field(std::uint64_t number, Layout layout, std::size_t n) {
  ObjectRandom random(7, number);
  std::vector<StarCandidate> stars;
  const double quadrant_x = random.uniform() < 0.5 ? -1.0 : 1.0, quadrant_y = random.uniform() < 0.5 ? -1.0 : 1.0;
  for (std::size_t i = 0; i < n; ++i) {
    double x = 2.0 * random.uniform() - 1.0, y = 2.0 * random.uniform() - 1.0;
    if (layout == Layout::lattice) {
      x = std::floor(8.0 * x) / 8.0;
      y = std::floor(8.0 * y) / 8.0;
    } else if (layout == Layout::nested) {
      x = quadrant_x * std::abs(x);
      y = quadrant_y * std::abs(x);
    }
    const double rating = std::floor(5.0 * random.uniform()) * (layout == Layout::lattice ? 0.25 : random.uniform());
    stars.push_back(
        {{x * field.width * 0.999, y * field.height * 0.999}, std::floor(1024.0 * rating) / 1024.0, static_cast<std::uint32_t>(i)});
    if (layout == Layout::repeated && i % 2 == 1) stars[i].at = stars[i - 1].at;
  }
  return stars;
}

void expect_same(const BestPointing& a, const BestPointing& b) {
  ASSERT_EQ(a.n_ref, b.n_ref);
  if (a.n_ref == 0) return;
  EXPECT_EQ(a.score, b.score);
  EXPECT_EQ(a.margin, b.margin);
  EXPECT_EQ(a.centre.x, b.centre.x);
  EXPECT_EQ(a.centre.y, b.centre.y);
  EXPECT_EQ(a.position.ra, b.position.ra);
  EXPECT_EQ(a.position.dec, b.position.dec);
}

TEST(PointingSweep, EqualsAllCellsInTenThousandFields) {
  PointingSweep sweep(field);
  const Position targets[] = {{180.0, 0.0}, {0.01, 60.0}, {359.99, -60.0}, {12.0, 89.9}, {0.0, 90.0}, {77.0, -90.0}};
  for (std::uint64_t number = 0; number < 10'000; ++number) {
    const auto layout = static_cast<Layout>(number % 4);
    const auto stars = random_field(number, layout, (number / 4) % 41);
    const FieldPlane plane(targets[number % 6], number % 3 == 0 && number % 6 < 4 ? LocusGeometry::box : LocusGeometry::tangent);
    SCOPED_TRACE("field " + std::to_string(number));
    expect_same(sweep.find(stars, plane), locus_reference::brute_force(stars, field, plane));
    if (HasFailure()) return;
  }
}

TEST(PointingSweep, FindsNothingWithoutStarsOrRatings) {
  PointingSweep sweep(field);
  const FieldPlane plane({10.0, 20.0}, LocusGeometry::tangent);
  EXPECT_EQ(sweep.find({}, plane).n_ref, 0);
  const std::vector<StarCandidate> unrated = {{{0.01, 0.01}, 0.0, 0}};
  EXPECT_EQ(sweep.find(unrated, plane).n_ref, 0);
  EXPECT_TRUE(sweep.counted().empty());
}

TEST(PointingSweep, PutsOneStarAndTheTargetAtEqualDistanceFromTheEdges) {
  PointingSweep sweep(field);
  const FieldPlane plane({10.0, 20.0}, LocusGeometry::tangent);
  const std::vector<StarCandidate> stars = {{{0.04, -0.02}, 0.5, 0}};
  const BestPointing best = sweep.find(stars, plane);
  EXPECT_EQ(best.n_ref, 1);
  EXPECT_EQ(best.score, 0.5);
  EXPECT_DOUBLE_EQ(best.centre.x, 0.02);
  EXPECT_DOUBLE_EQ(best.centre.y, -0.01);
  EXPECT_DOUBLE_EQ(best.margin, 0.0625 - 0.01);
}

TEST(PointingSweep, DoesNotDependOnTheOrderOfTheStars) {
  PointingSweep sweep(field);
  const FieldPlane plane({300.0, -30.0}, LocusGeometry::tangent);
  for (std::uint64_t number = 0; number < 200; ++number) {
    ObjectRandom random(8, number);
    auto stars = random_field(number, static_cast<Layout>(number % 4), 30);
    for (StarCandidate& star : stars) star.rating *= 1.0 + 0.1 * random.uniform();  // sums that round differently in every order
    const BestPointing best = sweep.find(stars, plane);
    for (int turn = 0; turn < 3; ++turn) {
      for (std::size_t i = stars.size(); i-- > 1;) std::swap(stars[i], stars[random.next() % (i + 1)]);
      expect_same(sweep.find(stars, plane), best);
    }
  }
}

TEST(PointingSweep, OfAMirroredOrTurnedFieldIsMirroredOrTurned) {
  PointingSweep sweep(field), turned({field.height, field.width});
  const FieldPlane plane({300.0, 0.0}, LocusGeometry::tangent);
  for (std::uint64_t number = 0; number < 500; ++number) {
    auto stars = random_field(number, number % 2 == 0 ? Layout::anywhere : Layout::nested, 1 + number % 20);
    const BestPointing best = sweep.find(stars, plane);
    for (StarCandidate& star : stars) star.at.x = -star.at.x;
    const BestPointing mirrored = sweep.find(stars, plane);
    for (StarCandidate& star : stars) star.at = {star.at.y, star.at.x};
    const BestPointing quarter = turned.find(stars, plane);
    EXPECT_EQ(mirrored.score, best.score);
    EXPECT_EQ(mirrored.n_ref, best.n_ref);
    EXPECT_EQ(mirrored.centre.x, best.n_ref > 0 ? -best.centre.x : 0.0);
    EXPECT_EQ(mirrored.centre.y, best.centre.y);
    EXPECT_EQ(quarter.score, best.score);
    EXPECT_EQ(quarter.centre.x, mirrored.centre.y);
    EXPECT_EQ(quarter.centre.y, mirrored.centre.x);
    EXPECT_EQ(quarter.margin, best.margin);
  }
}

TEST(PointingSweep, CountsTheStarsThatAreInTheFieldOfItsPointing) {
  PointingSweep sweep(field);
  const FieldPlane plane({300.0, 10.0}, LocusGeometry::tangent);
  for (std::uint64_t number = 0; number < 300; ++number) {
    const auto stars = random_field(number, Layout::anywhere, 25);
    const BestPointing best = sweep.find(stars, plane);
    std::vector<std::uint32_t> inside;
    double nearest = 1.0;
    for (std::uint32_t i = 0; i < stars.size(); ++i) {
      const double x = std::abs(stars[i].at.x - best.centre.x), y = std::abs(stars[i].at.y - best.centre.y);
      if (!(stars[i].rating > 0.0) || x >= 0.5 * field.width || y >= 0.5 * field.height) continue;
      inside.push_back(i);
      nearest = std::min({nearest, 0.5 * field.width - x, 0.5 * field.height - y});
    }
    EXPECT_EQ(inside, std::vector<std::uint32_t>(sweep.counted().begin(), sweep.counted().end()));
    EXPECT_EQ(static_cast<std::int32_t>(inside.size()), best.n_ref);
    EXPECT_NEAR(best.margin, nearest, 1e-15);
  }
}

TEST(PointingSweep, PrefersTheWiderMarginAndThenTheSmallerOffsetAmongEqualScores) {
  PointingSweep sweep({1.0, 1.0});
  const FieldPlane plane({100.0, 0.0}, LocusGeometry::tangent);
  // Two stars that exclude each other: the nearer one leaves more room.
  const std::vector<StarCandidate> near_east = {{{0.5, 0.0}, 1.0, 0}, {{-0.75, 0.0}, 1.0, 1}};
  EXPECT_EQ(sweep.find(near_east, plane).centre.x, 0.25);
  // Equal room: East and West alike, so the smaller RA, which is West.
  const std::vector<StarCandidate> alike = {{{0.75, 0.0}, 1.0, 0}, {{-0.75, 0.0}, 1.0, 1}};
  EXPECT_EQ(sweep.find(alike, plane).centre.x, -0.375);
  // Equal room in x, more offset in y.
  const std::vector<StarCandidate> offset = {{{0.75, 0.0}, 1.0, 0}, {{-0.75, 0.25}, 1.0, 1}};
  EXPECT_EQ(sweep.find(offset, plane).centre.x, 0.375);
}

}  // namespace
