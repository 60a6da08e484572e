#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "locus_objects.hpp"
#include "skyfold/core/error.hpp"

using namespace skyfold;
using namespace skyfold::locus_objects;

namespace {

const Position places[] = {{180.0, 0.0}, {0.0, 45.0}, {359.99, -60.0}, {10.0, 89.97}, {0.0, -90.0}};

/// Flags by looking at all pairs.
std::vector<std::uint8_t> all_pairs(const Sky& sky, double resolution_arcsec, double dmag) {
  std::vector<std::uint8_t> crowded(sky.size());
  for (std::size_t a = 0; a < sky.size(); ++a)
    for (std::size_t b = 0; b < sky.size(); ++b) {
      const Direction u = direction_of({sky.ra[a], sky.dec[a]}), v = direction_of({sky.ra[b], sky.dec[b]});
      const double angle = std::asin(std::min(1.0, 0.5 * std::sqrt(chord2(u, v)))) * 2.0 * 206264.80624709636;
      if (a != b && angle < resolution_arcsec && std::abs(sky.r[a] - sky.r[b]) < dmag) crowded[a] = 1;
    }
  return crowded;
}

TEST(CrowdedStars, AreThoseWithANearNeighbourOfLikeMagnitude) {
  for (const Position& place : places)
    for (const double resolution : {10.8, 120.0}) {
      const Sky sky = random_sky(1, place, 800, 0.2);
      const auto crowded = crowded_stars(sky.ra, sky.dec, sky.r, resolution, 1.5, 2);
      EXPECT_EQ(crowded, all_pairs(sky, resolution, 1.5)) << place.ra << ' ' << place.dec;
      EXPECT_GT(std::count(crowded.begin(), crowded.end(), 1), resolution > 100.0 ? 500 : 10);
    }
}

TEST(CrowdedStars, AreNoneAtResolutionZeroAndNotThoseWithoutMagnitude) {
  Sky sky = random_sky(1, places[1], 500, 0.05);
  const auto none = crowded_stars(sky.ra, sky.dec, sky.r, 0.0, 5.0, 1);
  EXPECT_EQ(std::count(none.begin(), none.end(), 1), 0);
  std::fill(sky.r.begin(), sky.r.end(), std::nan(""));
  const auto unmeasured = crowded_stars(sky.ra, sky.dec, sky.r, 100.0, 5.0, 1);
  EXPECT_EQ(std::count(unmeasured.begin(), unmeasured.end(), 1), 0);
}

TEST(CrowdedStars, AreNotThoseThatRepeatEachOther) {
  Sky sky;
  sky.add({10.0, 0.0}, 16.0, 0.5, 0.2);
  sky.add({10.0, 0.0}, 16.0, 0.5, 0.2);
  const auto repeated = crowded_stars(sky.ra, sky.dec, sky.r, 10.0, 5.0, 1);
  EXPECT_EQ(repeated, (std::vector<std::uint8_t>{0, 0}));
  sky.add({10.0, 0.001}, 17.0, 0.5, 0.2);
  EXPECT_EQ(crowded_stars(sky.ra, sky.dec, sky.r, 10.0, 5.0, 1), (std::vector<std::uint8_t>{1, 0, 1}));
}

TEST(StarField, VisitsEveryStarWithinTheBoundsOnce) {
  for (const Position& place : places) {
    const Sky sky = random_sky(2, place, 3000, 0.5);
    const LocusKernel kernel({}, bands(), columns(), columns());
    Stars stars;
    kernel.add_stars(table_of(sky), 100, stars);
    const StarField field(stars, 0.05);
    for (std::uint64_t k = 0; k < 100; ++k) {
      ObjectRandom random(9, k);
      const Position target = FieldPlane(place, LocusGeometry::tangent).position({0.4 * random.normal(), 0.4 * random.normal()});
      const FieldPlane plane(target, LocusGeometry::tangent);
      const FieldSize half{0.1, 0.2};
      std::multiset<std::int64_t> visited;
      field.visit(target.ra, plane.bounds(half), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) visited.insert(field.row(i));
      });
      for (std::size_t i = 0; i < field.size(); ++i) {
        const Offset at = plane.offset(field.position(i), field.direction(i));
        const auto times = visited.count(field.row(i));
        EXPECT_LE(times, 1U);
        if (std::abs(at.x) < half.width && std::abs(at.y) < half.height) {
          EXPECT_EQ(times, 1U) << k;
        }
      }
    }
  }
}

TEST(StarField, OfNoStarsIsVisitedInVain) {
  const StarField field({}, 0.1);
  field.visit(10.0, {}, [](std::size_t, std::size_t) { FAIL(); });
  EXPECT_EQ(field.size(), 0U);
}

TEST(BandReader, TakesColoursOnBothSidesOfTheBandAndOneAtAnEnd) {
  const Sky sky = one({1.0, 2.0}, 17.0, 0.5, 0.25);
  std::vector<BandPhotometry> photometry;
  BandReader(bands(), columns().bands, "r").read(table_of(sky), photometry);
  EXPECT_EQ(photometry[0].mag, 17.0);
  EXPECT_EQ(photometry[0].before, 0.5);
  EXPECT_EQ(photometry[0].after, 0.25);
  BandReader(bands(), columns().bands, "i").read(table_of(sky), photometry);
  EXPECT_EQ(photometry[0].before, 0.25);
  EXPECT_EQ(photometry[0].after, 0.0);
  EXPECT_THROW(BandReader(bands(), columns().bands, "z"), UsageError);
}

TEST(BandReader, TakesMagnitudesThatWereNotMeasuredAsMissing) {
  Sky sky = one({1.0, 2.0});
  sky.g[0] = 99.0;
  std::vector<BandPhotometry> photometry;
  BandReader(bands(), columns().bands, "r").read(table_of(sky), photometry);
  EXPECT_TRUE(std::isnan(photometry[0].before));
  EXPECT_EQ(photometry[0].mag, 16.5);
}

}  // namespace
