#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "skyfold/sky/region.hpp"

using namespace skyfold;

namespace {

constexpr double radians = std::numbers::pi / 180.0;

double separation_deg(Position a, Position b) {
  const double dra = 0.5 * (a.ra - b.ra) * radians, ddec = 0.5 * (a.dec - b.dec) * radians;
  const double h = std::sin(ddec) * std::sin(ddec) + std::cos(a.dec * radians) * std::cos(b.dec * radians) * std::sin(dra) * std::sin(dra);
  return 2.0 * std::asin(std::min(1.0, std::sqrt(h))) / radians;
}

/// A position at a distance and position angle from another.
Position offset_from(Position p, double distance_deg, double angle) {
  const double d = distance_deg * radians, dec0 = p.dec * radians;
  const double sin_dec = std::sin(dec0) * std::cos(d) + std::cos(dec0) * std::sin(d) * std::cos(angle);
  const double dra = std::atan2(std::sin(angle) * std::sin(d) * std::cos(dec0), std::cos(d) - std::sin(dec0) * sin_dec);
  return {std::fmod(p.ra + dra / radians + 720.0, 360.0), std::asin(std::clamp(sin_dec, -1.0, 1.0)) / radians};
}

const Position centres[] = {{10.0, 0.0}, {0.0, 45.0}, {359.99, -41.8}, {200.0, 89.95}, {0.0, 90.0}, {77.0, -90.0}};

TEST(United, JoinsRangesThatMeetOrOverlapAndDropsEmptyOnes) {
  EXPECT_EQ(united({{5, 7}, {1, 2}, {2, 3}, {6, 9}, {20, 20}}), (Region{{1, 3}, {5, 9}}));
  EXPECT_TRUE(united({}).empty());
}

TEST(Contains, KnowsItsRanges) {
  const Region region = {{1, 3}, {5, 9}};
  for (std::int64_t key = 0; key < 12; ++key) EXPECT_EQ(contains(region, key), (key >= 1 && key < 3) || (key >= 5 && key < 9)) << key;
  EXPECT_FALSE(contains({}, 0));
}

TEST(Cone, CoversEveryPlaceWithinItsRadiusAndFewBeyond) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform;
  for (const Position& centre : centres)
    for (const double radius : {0.01, 0.3, 5.0}) {
      const int order = radius > 1.0 ? 7 : 11;
      const Region region = cone(centre, radius, order);
      for (int k = 0; k < 2000; ++k) {
        const Position p = offset_from(centre, radius * std::sqrt(uniform(random)), 6.2831853 * uniform(random));
        ASSERT_TRUE(contains(region, healpix29(p))) << centre.dec << ' ' << radius;
      }
      const double beyond = radius + 2.5 * std::sqrt(pixel_area_deg2(order));
      for (int k = 0; k < 200; ++k) EXPECT_FALSE(contains(region, healpix29(offset_from(centre, beyond, 0.0314 * k))));
    }
}

TEST(Cone, OfHalfACircleIsTheWholeSky) { EXPECT_EQ(cone({3.0, 4.0}, 180.0, 3), (Region{{0, pixel_count(29)}})); }

TEST(Dilated, CoversEveryPlaceWithinItsRadiusOfAnyKeyAndLittleElse) {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> uniform;
  for (const Position& centre : centres)
    for (const double radius : {0.003, 0.24, 3.0}) {
      std::vector<Position> targets;
      std::vector<std::int64_t> keys;
      for (int k = 0; k < 300; ++k) {
        targets.push_back(offset_from(centre, 8.0 * radius * uniform(random), 6.2831853 * uniform(random)));
        keys.push_back(healpix29(targets.back()));
      }
      const Region region = dilated(keys, radius);
      EXPECT_EQ(region, united(region));
      for (int k = 0; k < 5000; ++k) {
        const Position& target = targets[static_cast<std::size_t>(k) % targets.size()];
        ASSERT_TRUE(contains(region, healpix29(offset_from(target, radius * uniform(random), 6.2831853 * uniform(random)))));
      }
      for (int k = 0; k < 2000; ++k) {
        const Position p = offset_from(centre, 15.0 * radius * uniform(random), 6.2831853 * uniform(random));
        double nearest = 180.0;
        for (const Position& target : targets) nearest = std::min(nearest, separation_deg(p, target));
        if (nearest > 4.0 * radius) {
          EXPECT_FALSE(contains(region, healpix29(p)));
        }
      }
    }
}

TEST(Dilated, DoesNotDependOnTheOrderOfKeys) {
  std::vector<std::int64_t> keys;
  for (int k = 0; k < 100; ++k) keys.push_back(healpix29({10.0 + 0.01 * k, 20.0 - 0.02 * k}));
  const Region region = dilated(keys, 0.1);
  std::reverse(keys.begin(), keys.end());
  EXPECT_EQ(dilated(keys, 0.1), region);
  EXPECT_TRUE(dilated({}, 0.1).empty());
  EXPECT_LT(area_deg2(region), 6.0);
  EXPECT_GT(area_deg2(region), 0.4);
}

}  // namespace
