#include "skyfold/sky/disc.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "../sizes.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

using testing_support::sized;

std::vector<std::int64_t> pixels_of(const std::vector<RingRun>& runs) {
  std::vector<std::int64_t> pixels;
  for (const RingRun& run : runs)
    for (std::int32_t i = 0; i < run.count; ++i) pixels.push_back(run.first + i);
  return pixels;
}

/// The definition: all pixels whose centre is not farther than the radius, by the length of the chord.
std::vector<std::int64_t> slow_disc(const Pixelisation& of, const Angles& centre, double radius) {
  const Vector3 c = vector_of(centre);
  const double limit = 2.0 * std::sin(0.5 * std::min(radius, std::numbers::pi));
  std::vector<std::int64_t> pixels;
  for (std::int64_t pixel = 0; pixel < of.count(); ++pixel) {
    const Vector3 p = of.ring_centre(pixel);
    const Vector3 d{p.x - c.x, p.y - c.y, p.z - c.z};
    if (dot(d, d) <= limit * limit) pixels.push_back(pixel);
  }
  return pixels;
}

/// Random places, poles, the seam of longitude, corners of base pixels, borders of the polar caps.
std::vector<Angles> awkward_places() {
  const double pi = std::numbers::pi, cap = std::acos(2.0 / 3.0);
  std::vector<Angles> places = {{0.0, 0.3}, {pi, 1.0}, {1e-3, 2.0}, {pi - 2e-3, 5.0}, {1.2, 1e-9}, {1.3, 2.0 * pi - 1e-9}, {0.4, -1e-6}};
  for (int k = 0; k < 8; ++k)
    for (const double theta : {cap, 0.5 * pi, pi - cap}) places.push_back({theta + 1e-5, 0.25 * pi * k + 2e-5});
  for (std::uint64_t i = 0; i < 30; ++i) {
    ObjectRandom random(7, i);
    places.push_back({std::acos(2.0 * random.uniform() - 1.0), 2.0 * pi * random.uniform()});
  }
  return places;
}

TEST(DiscFinder, FindsThePixelsWhoseCentresAreInside) {
  for (const long nside : {1L, 3L, 16L, sized(50L, 10L), sized(64L, 32L)}) {
    const Pixelisation pixels(nside);
    DiscFinder finder(pixels);
    std::vector<RingRun> runs;
    for (const double radius : {0.011, 0.034, 0.0713, 0.4, 1.7, 3.0})
      for (const Angles& place : awkward_places()) {
        finder.find(place, radius, runs);
        ASSERT_EQ(pixels_of(runs), slow_disc(pixels, place, radius)) << nside << " " << radius << " " << place.theta << " " << place.phi;
      }
  }
}

TEST(DiscFinder, FindsSmallDiscsOnFineMaps) {
  const Pixelisation pixels(sized(512L, 256L));
  DiscFinder finder(pixels);
  std::vector<RingRun> runs;
  std::size_t found = 0;
  for (const Angles& place : {Angles{1.1, 0.0003}, Angles{0.9, 3.1}, Angles{2.5, 6.2831}}) {
    finder.find(place, 0.0029, runs);
    ASSERT_EQ(pixels_of(runs), slow_disc(pixels, place, 0.0029));
    found += runs.size();
  }
  EXPECT_GT(found, 0u);
}

TEST(DiscFinder, StaysRightForRadiiThatPassThroughACentre) {
  const Pixelisation pixels(sized(64L, 32L));  // radii next to the distance of a pixel: rounding must not decide
  DiscFinder finder(pixels);
  std::vector<RingRun> runs;
  const Angles place{1.0, 2.0};
  const Vector3 c = vector_of(place);
  for (const std::int64_t pixel : slow_disc(pixels, place, 0.06)) {
    const Vector3 p = pixels.ring_centre(pixel);
    const Vector3 d{p.x - c.x, p.y - c.y, p.z - c.z};
    const double distance = 2.0 * std::asin(0.5 * std::sqrt(dot(d, d)));
    for (const double radius : {distance * (1.0 - 1e-9), distance * (1.0 + 1e-9)}) {
      if (radius < 1e-4) continue;
      finder.find(place, radius, runs);
      ASSERT_EQ(pixels_of(runs), slow_disc(pixels, place, radius)) << pixel;
    }
  }
}

TEST(DiscFinder, RunsStayInTheirRingsInIncreasingOrder) {
  const Pixelisation pixels(32);
  DiscFinder finder(pixels);
  std::vector<RingRun> runs;
  for (const Angles& place : awkward_places())
    for (const bool inclusive : {false, true}) {
      inclusive ? finder.find_inclusive(place, 0.3, runs) : finder.find(place, 0.3, runs);
      std::int64_t last = -1;
      for (const RingRun& run : runs) {
        EXPECT_GT(run.first, last);
        EXPECT_GT(run.count, 0);
        EXPECT_EQ(pixels.ring_with(run.first), run.ring);
        EXPECT_EQ(pixels.ring_with(run.first + run.count - 1), run.ring);
        last = run.first + run.count - 1;
      }
    }
}

TEST(DiscFinder, InclusiveDiscsHoldEveryPixelThatADiscTouches) {
  const Pixelisation pixels(16);
  DiscFinder finder(pixels);
  std::vector<RingRun> runs;
  for (const Angles& place : awkward_places()) {
    finder.find_inclusive(place, 0.1, runs);
    const std::vector<std::int64_t> found = pixels_of(runs);
    const TangentBasis b = tangent_basis(place);
    for (int step = 0; step < 64; ++step) {  // points of the rim
      const double turn = 2.0 * std::numbers::pi * step / 64.0, c = std::cos(0.0999), e = std::sin(0.0999) * std::cos(turn),
                   n = std::sin(0.0999) * std::sin(turn);
      const Vector3 point{c * b.centre.x + e * b.east.x + n * b.north.x, c * b.centre.y + e * b.east.y + n * b.north.y,
                          c * b.centre.z + e * b.east.z + n * b.north.z};
      EXPECT_TRUE(std::binary_search(found.begin(), found.end(), pixels.ring_pixel_at(angles_of(point))));
    }
  }
}

}  // namespace
}  // namespace skyfold
