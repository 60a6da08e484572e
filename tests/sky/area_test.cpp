// Searches of the sky against brute force, all over the sphere.
#include "skyfold/sky/area.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "../sizes.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/sky/frame.hpp"

namespace skyfold {
namespace {

constexpr double radians = std::numbers::pi / 180.0;

/// A position at a distance and position angle from another.
Position offset_from(Position p, double distance_deg, double angle) {
  const double d = distance_deg * radians, dec0 = p.dec * radians;
  const double sin_dec = std::sin(dec0) * std::cos(d) + std::cos(dec0) * std::sin(d) * std::cos(angle);
  const double dra = std::atan2(std::sin(angle) * std::sin(d) * std::cos(dec0), std::cos(d) - std::sin(dec0) * sin_dec);
  return {std::fmod(p.ra + dra / radians + 720.0, 360.0), std::asin(std::clamp(sin_dec, -1.0, 1.0)) / radians};
}

/// By Vincenty's formula, which is well conditioned at all distances: another way than the one that is tested.
double separation_deg(Position a, Position b) {
  const double dra = (b.ra - a.ra) * radians, d1 = a.dec * radians, d2 = b.dec * radians;
  const double y = std::hypot(std::cos(d2) * std::sin(dra), std::cos(d1) * std::sin(d2) - std::sin(d1) * std::cos(d2) * std::cos(dra));
  return std::atan2(y, std::sin(d1) * std::sin(d2) + std::cos(d1) * std::cos(d2) * std::cos(dra)) / radians;
}

/// Positions in the order of their keys, and what a search asks of them.
struct Sky {
  explicit Sky(std::vector<Position> positions) {
    std::vector<std::pair<std::int64_t, Position>> all;
    for (const Position& p : positions) all.emplace_back(healpix29(p), p);
    std::ranges::stable_sort(all, {}, &std::pair<std::int64_t, Position>::first);
    for (const auto& [k, p] : all) {
      key.push_back(k);
      ra.push_back(p.ra);
      dec.push_back(p.dec);
    }
    lookup = [this](KeyRange keys, const AreaRows& within) {
      const auto from = key.begin() + within.begin, to = key.begin() + within.end;
      return AreaRows{std::lower_bound(from, to, keys.begin) - key.begin(), std::lower_bound(from, to, keys.end) - key.begin(), -1};
    };
  }
  [[nodiscard]] Position at(std::size_t i) const { return {ra[i], dec[i]}; }
  [[nodiscard]] std::int64_t size() const { return std::ssize(key); }

  /// Rows of an area, searched partition by partition.
  [[nodiscard]] std::vector<std::uint8_t> search(const SkyArea& area, std::int64_t partitions, std::int64_t few) const {
    std::vector<std::uint8_t> found(key.size());
    for (std::int64_t k = 0; k < partitions; ++k)
      for (const std::int32_t shape : area.in_sky_order()) {
        std::vector<AreaRows> ranges;
        area.search(shape, {size() * k / partitions, size() * (k + 1) / partitions, -1}, lookup, few, ranges);
        for (const AreaRows& rows : ranges) {
          const auto at = static_cast<std::size_t>(rows.begin), count = static_cast<std::size_t>(rows.end - rows.begin);
          std::vector<std::uint8_t> inside(count, 1);
          if (rows.shape >= 0)
            area.holds(rows.shape, std::span(key).subspan(at, count), std::span(ra).subspan(at, count), std::span(dec).subspan(at, count),
                       inside);
          for (std::size_t i = 0; i < count; ++i) found[at + i] |= inside[i];
        }
      }
    return found;
  }

  std::vector<std::int64_t> key;
  std::vector<double> ra, dec;
  RowsOfKeys lookup;
};

const double radii_deg[] = {0.01 / 3600, 0.2 / 3600, 1.0 / 3600, 1.0 / 60, 0.1, 1.0, 5.7, 12.0, 30.0, 60.0, 89.9, 90.0};

/// Directions all over the sphere, 300 of 1,800 within 5 degrees of a pole, and some at special places.
std::vector<Position> directions() {
  std::mt19937_64 random(17);
  std::uniform_real_distribution<double> uniform;
  std::vector<Position> all = {{0.0, 0.0},    {360.0, 0.0}, {-30.0, 41.8},  {45.0, 0.0}, {0.0, 41.8103148957786},
                               {123.0, 90.0}, {7.0, -90.0}, {-0.00001, 5.0}};
  const std::size_t count = testing_support::sized<std::size_t>(1800, 120);
  while (all.size() < count) {
    const bool is_polar = all.size() % 6 == 0;
    const double dec = is_polar ? (uniform(random) < 0.5 ? -1.0 : 1.0) * (90.0 - 5.0 * std::sqrt(uniform(random)))
                                : std::asin(2.0 * uniform(random) - 1.0) / radians;
    all.push_back({360.0 * uniform(random) - (all.size() % 7 == 0 ? 360.0 : 0.0), dec});
  }
  return all;
}

/// A sky with positions within and beyond each radius of each direction, and at the directions themselves.
Sky sky_about(const std::vector<Position>& directions) {
  std::mt19937_64 random(18);
  std::uniform_real_distribution<double> uniform;
  std::vector<Position> positions;
  for (std::size_t i = 0; i < directions.size(); ++i) {
    const double radius = radii_deg[i % 6];
    positions.push_back(directions[i]);
    for (const double factor : {0.3, 0.999, 1.001, 1.8})
      positions.push_back(offset_from(directions[i], factor * radius, 6.2831853 * uniform(random)));
  }
  for (Position& p : positions)
    if (p.ra < 0.0) p.ra += 360.0;
  return Sky(positions);
}

TEST(SkyArea, ConesAllOverTheSphereEqualBruteForce) {
  const std::vector<Position> centres = directions();
  const Sky sky = sky_about(centres);
  std::int64_t wrong = 0, inside = 0;
  for (std::size_t i = 0; i < centres.size(); ++i) {
    std::vector<double> separation;
    for (std::size_t k = 0; k < sky.key.size(); ++k) {
      // The long way only for what may be near a border.
      separation.push_back(separation_deg(centres[i], sky.at(k)));
    }
    for (const double radius : radii_deg) {
      SkyArea area;
      area.add_cone(centres[i], radius);
      const std::vector<std::uint8_t> found = sky.search(area, i % 3 + 1, i % 2 == 0 ? 1 : 40);
      for (std::size_t k = 0; k < found.size(); ++k) {
        // No position lies so near to a border that two formulas differ, but for the tolerance of a billionth of an arcsecond.
        wrong += (separation[k] <= radius + 1e-9 / 3600.0) != (found[k] != 0);
        inside += found[k];
      }
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(inside, std::ssize(centres) * 12);
}

TEST(SkyArea, ConesOfNoRadiusFindTheirCentreAndThoseOfHalfACircleAll) {
  const std::vector<Position> centres = directions();
  const Sky sky = sky_about(centres);
  for (std::size_t i = 0; i < centres.size(); i += 37) {
    for (const double radius : {0.0, 90.5, 135.0, 179.99999, 180.0, 400.0}) {
      SkyArea area;
      area.add_cone(centres[i], radius);
      const std::vector<std::uint8_t> found = sky.search(area, 2, 5);
      for (std::size_t k = 0; k < found.size(); ++k)
        ASSERT_EQ(found[k] != 0, separation_deg(centres[i], sky.at(k)) <= radius + 1e-9 / 3600.0) << i << ' ' << radius << ' ' << k;
    }
  }
}

TEST(SkyArea, BoxesEqualBruteForceAlsoAcrossZeroAndAboutPoles) {
  const Sky sky = sky_about(directions());
  struct Box {
    double west, east, south, north;
  };
  for (const Box& box : {Box{10, 20, -5, 5},
                         {350, 10, -30, 60},
                         {-10, 10, -30, 60},
                         {0, 360, 80, 90},
                         {100, 200, -90, -85},
                         {0, 359, -2, 2},
                         {359.99, 0.01, -0.01, 0.01},
                         {40, 41, 89, 90},
                         {20, 20, -90, 90},
                         {-400, 400, -10, 10}}) {
    SkyArea area;
    area.add_box(box.west, box.east, box.south, box.north);
    const std::vector<std::uint8_t> found = sky.search(area, 3, 4);
    for (std::size_t k = 0; k < found.size(); ++k) {
      // Eastward from the western border, by remainders.
      const double east = std::fmod(std::fmod(sky.ra[k] - box.west, 360.0) + 360.0, 360.0);
      const double width = box.east - box.west >= 360.0 ? 360.0 : std::fmod(box.east - box.west + 720.0, 360.0);
      const bool is_in = sky.dec[k] >= box.south && sky.dec[k] <= box.north && east <= width;
      ASSERT_EQ(found[k] != 0, is_in) << box.west << ' ' << sky.ra[k] << ' ' << sky.dec[k];
    }
  }
}

TEST(SkyArea, PolygonsEqualTheUnionOfTheirTriangles) {
  const Sky sky = sky_about(directions());
  int inside = 0;
  // An arrow, which is not convex: two triangles with a common side.
  for (const Position& at : {Position{0.0, 10.0}, {120.0, 88.0}, {200.0, -50.0}}) {
    const Position tip = offset_from(at, 12.0, 0.0), left = offset_from(at, 15.0, 2.4), right = offset_from(at, 15.0, -2.4), notch = at;
    SkyArea area;
    area.add_polygon(std::vector{tip, left, notch, right});
    const std::vector<std::uint8_t> found = sky.search(area, 2, 3);
    const auto vector = [](Position p) {
      return Vector3{std::cos(p.dec * radians) * std::cos(p.ra * radians), std::cos(p.dec * radians) * std::sin(p.ra * radians),
                     std::sin(p.dec * radians)};
    };
    const auto side = [&](Position a, Position b, Position p) {
      const Vector3 u = vector(a), v = vector(b), w = vector(p);
      return dot({u.y * v.z - u.z * v.y, u.z * v.x - u.x * v.z, u.x * v.y - u.y * v.x}, w);
    };
    const auto in_triangle = [&](Position a, Position b, Position c, Position p) {
      const double x = side(a, b, p), y = side(b, c, p), z = side(c, a, p);
      return (x > 0 && y > 0 && z > 0) || (x < 0 && y < 0 && z < 0);
    };
    for (std::size_t k = 0; k < found.size(); ++k) {
      const Position p = sky.at(k);
      const bool is_near = separation_deg(at, p) < 60.0;  // planes have two sides
      const bool is_in = is_near && (in_triangle(tip, left, notch, p) || in_triangle(tip, notch, right, p));
      ASSERT_EQ(found[k] != 0, is_in) << at.ra << ' ' << p.ra << ' ' << p.dec;
      inside += is_in;
    }
  }
  EXPECT_GT(inside, 0);
}

TEST(SkyArea, PolygonsThatTellNoInsideAreRefused) {
  SkyArea area;
  EXPECT_THROW(area.add_polygon(std::vector<Position>{{0, 0}, {90, 0}, {180, 0}, {270, 0}}), UsageError);
  EXPECT_THROW(area.add_polygon(std::vector<Position>{{0, 0}, {1, 1}, {1, 0}, {0, 1}}), UsageError);
  EXPECT_THROW(area.add_polygon(std::vector<Position>{{0, 0}, {0, 0}, {1, 0}, {0, 1}}), UsageError);
}

TEST(SkyArea, LookupInAnyOrderAndCoverAgreeWithTheSearch) {
  const std::vector<Position> centres = directions();
  const Sky sky = sky_about(centres);
  SkyArea area;
  for (std::size_t i = 0; i < centres.size(); i += 5) area.add_cone(centres[i], radii_deg[i % 7]);
  area.add_cone({30.0, 40.0}, 25.0);
  area.add_box(350, 10, -80, -70);
  area.add_region({{first_key(7, 2), first_key(9, 2)}});
  const std::vector<std::uint8_t> found = sky.search(area, 1, 10);
  const AreaLookup lookup(area);
  const Region cover = area.cover();
  for (std::size_t k = 0; k < found.size(); ++k) {
    const AreaLookup::Place place = lookup.place_of(sky.key[k]);
    const bool is_in = place == AreaLookup::Place::inside || (place == AreaLookup::Place::border && lookup.holds(sky.key[k], sky.at(k)));
    ASSERT_EQ(found[k] != 0, is_in) << k;
    if (is_in) {
      ASSERT_TRUE(contains(cover, sky.key[k]));
      ASSERT_TRUE(area.contains(sky.key[k], sky.at(k)));
    }
  }
  EXPECT_LT(area_deg2(cover), 41253.0 * 0.3);
}

}  // namespace
}  // namespace skyfold
