#include "skyfold/sky/pixels.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "../support.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;

TEST(Pixelisation, HasRingsThatFollowEachOtherAndHoldAllPixels) {
  for (const long nside : {1L, 2L, 3L, 8L, 100L, 512L}) {
    const Pixelisation pixels(nside);
    std::int64_t next = 0;
    double z = 1.0;
    for (std::int64_t i = 1; i <= pixels.rings(); ++i) {
      const RingInfo ring = pixels.ring(i);
      EXPECT_EQ(ring.first, next);
      EXPECT_LT(ring.z, z);
      EXPECT_NEAR(ring.z * ring.z + ring.sin_theta * ring.sin_theta, 1.0, 1e-14);
      next += ring.count;
      z = ring.z;
    }
    EXPECT_EQ(next, pixels.count());
  }
}

TEST(Pixelisation, HasTheCentresThatItsRingsTell) {
  for (const long nside : {1L, 4L, 7L, 64L}) {
    const Pixelisation pixels(nside);
    for (std::int64_t i = 1; i <= pixels.rings(); ++i) {
      const RingInfo ring = pixels.ring(i);
      for (const std::int64_t k : {std::int64_t{0}, ring.count / 2, ring.count - 1}) {
        const Vector3 centre = pixels.ring_centre(ring.first + k);
        const double phi = ring.phi_first + static_cast<double>(k) * ring.phi_step;
        EXPECT_NEAR(centre.x, ring.sin_theta * std::cos(phi), 1e-13);
        EXPECT_NEAR(centre.y, ring.sin_theta * std::sin(phi), 1e-13);
        EXPECT_NEAR(centre.z, ring.z, 1e-15);
        EXPECT_EQ(pixels.ring_with(ring.first + k), i);
        EXPECT_EQ(pixels.ring_pixel_at(angles_of(centre)), ring.first + k);
      }
    }
  }
}

TEST(Pixelisation, NumbersRunsAsItNumbersSinglePixels) {
  for (const long nside : {1L, 2L, 4L, 32L, 128L}) {
    const Pixelisation pixels(nside);
    std::vector<std::int64_t> nested;
    for (std::int64_t i = 1; i <= pixels.rings(); ++i) {
      const RingInfo ring = pixels.ring(i);
      const std::int64_t first = ring.count / 3;  // not only whole rings
      nested.resize(static_cast<std::size_t>(ring.count - first));
      pixels.nested_of_run(i, ring.first + first, nested);
      for (std::size_t k = 0; k < nested.size(); ++k) {
        const std::int64_t pixel = ring.first + first + static_cast<std::int64_t>(k);
        ASSERT_EQ(nested[k], pixels.nested_of_ring(pixel)) << nside << " " << pixel;
        ASSERT_EQ(pixels.ring_of_nested(nested[k]), pixel);
      }
    }
  }
}

TEST(Pixelisation, AgreesWithTheOrderOfCatalogues) {
  const Pixelisation pixels(256);
  for (const Position p : {Position{10.0, 20.0}, Position{359.9, -88.0}, Position{181.0, 45.3}})
    EXPECT_EQ(pixels.nested_of_ring(pixels.ring_pixel_at(angles_of(p.ra, p.dec))), pixel_of(healpix29(p), 8));
}

TEST(Pixelisation, NeedsAnNsideThatExists) {
  EXPECT_TRUE(contains(error_of<UsageError>([] { Pixelisation p(0); }), "NSide = 0"));
  EXPECT_FALSE(Pixelisation(100).has_nested());
}

}  // namespace
}  // namespace skyfold
