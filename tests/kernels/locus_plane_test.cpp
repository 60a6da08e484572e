#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "skyfold/core/random.hpp"
#include "skyfold/kernels/locus/plane.hpp"

using namespace skyfold;

namespace {

constexpr double degree = std::numbers::pi / 180.0;

/// Gnomonic projection by the formulas of spherical trigonometry, degrees.
Offset gnomonic(Position target, Position star) {
  const double a = (star.ra - target.ra) * degree, d = star.dec * degree, d0 = target.dec * degree;
  const double depth = std::sin(d0) * std::sin(d) + std::cos(d0) * std::cos(d) * std::cos(a);
  return {std::cos(d) * std::sin(a) / depth / degree,
          (std::cos(d0) * std::sin(d) - std::sin(d0) * std::cos(d) * std::cos(a)) / depth / degree};
}

TEST(FieldPlane, IsTheGnomonicProjection) {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ObjectRandom random(3, i);
    const Position target{360.0 * random.uniform(), 180.0 * random.uniform() - 90.0};
    const Position star{target.ra + random.normal(), std::clamp(target.dec + random.normal(), -90.0, 90.0)};
    const Offset offset = FieldPlane(target, LocusGeometry::tangent).offset(star, direction_of(star)), expected = gnomonic(target, star);
    EXPECT_NEAR(offset.x, expected.x, 1e-11);
    EXPECT_NEAR(offset.y, expected.y, 1e-11);
  }
}

TEST(FieldPlane, FindsThePositionOfAnOffsetEverywhere) {
  for (std::uint64_t i = 0; i < 2000; ++i) {
    ObjectRandom random(4, i);
    const double decs[] = {0.0, 60.0, 89.95, 90.0, -90.0, -89.99, 180.0 * random.uniform() - 90.0};
    const Position target{i % 3 == 0 ? 0.0 : 360.0 * random.uniform(), decs[i % 7]};
    const FieldPlane plane(target, LocusGeometry::tangent);
    const Offset offset{random.normal(), random.normal()};
    const Position position = plane.position(offset);
    ASSERT_GE(position.ra, 0.0);
    ASSERT_LT(position.ra, 360.0);
    const Offset back = plane.offset(position, direction_of(position));
    EXPECT_NEAR(back.x, offset.x, 1e-10);
    EXPECT_NEAR(back.y, offset.y, 1e-10);
  }
}

TEST(FieldPlane, PutsTheFarSideOfTheSkyOutOfReach) {
  const FieldPlane plane({10.0, 20.0}, LocusGeometry::tangent);
  const Position opposite{190.0, -20.0};
  EXPECT_TRUE(std::isinf(plane.offset(opposite, direction_of(opposite)).x));
}

TEST(FieldPlane, OfABoxIsAcrossRaZeroAsElsewhere) {
  const FieldPlane plane({359.95, 60.0}, LocusGeometry::box);
  const Position star{0.05, 60.1};
  const Offset offset = plane.offset(star, direction_of(star));
  EXPECT_NEAR(offset.x, 0.05, 1e-12);
  EXPECT_NEAR(offset.y, 0.1, 1e-12);
  const Position back = plane.position(offset);
  EXPECT_NEAR(back.ra, 0.05, 1e-12);
  EXPECT_NEAR(back.dec, 60.1, 1e-12);
}

TEST(FieldPlane, BoundsHoldEveryPointOfTheRectangle) {
  for (std::uint64_t i = 0; i < 3000; ++i) {
    ObjectRandom random(5, i);
    const double decs[] = {0.0, 1e-3, 45.0, 89.0, 89.9, 90.0, -0.1, -60.0, -89.8, -90.0};
    const Position target{360.0 * random.uniform(), decs[i % 10]};
    const FieldPlane plane(target, i % 2 == 0 || std::abs(target.dec) > 89.5 ? LocusGeometry::tangent : LocusGeometry::box);
    const FieldSize half{0.05 + random.uniform(), 0.05 + random.uniform()};
    const SkyBounds bounds = plane.bounds(half);
    for (int k = 0; k < 20; ++k) {
      const bool is_on_edge = k % 2 == 0;
      const double u = 2.0 * random.uniform() - 1.0, v = is_on_edge ? (k % 4 == 0 ? 1.0 : -1.0) : 2.0 * random.uniform() - 1.0;
      const Position p = plane.position(k % 8 < 4 ? Offset{u * half.width, v * half.height} : Offset{v * half.width, u * half.height});
      EXPECT_GE(p.dec, bounds.dec_min) << i;
      EXPECT_LE(p.dec, bounds.dec_max) << i;
      EXPECT_LE(std::abs(std::remainder(p.ra - target.ra, 360.0)), bounds.half_ra) << i;
    }
  }
}

TEST(WrappedRa, LiesInZeroTo360) {
  EXPECT_EQ(wrapped_ra(360.0), 0.0);
  EXPECT_EQ(wrapped_ra(-1e-30), 0.0);
  EXPECT_EQ(wrapped_ra(-10.0), 350.0);
  EXPECT_EQ(wrapped_ra(730.0), 10.0);
  EXPECT_EQ(wrapped_ra(359.0), 359.0);
}

}  // namespace
