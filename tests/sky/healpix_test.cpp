#include "skyfold/sky/healpix.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "../support.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;

constexpr std::int64_t nside29 = std::int64_t{1} << 29;

/// A point of the sphere, uniform.
Position random_position(ObjectRandom& random) {
  return {360.0 * random.uniform(), std::asin(2.0 * random.uniform() - 1.0) * 180.0 / std::numbers::pi};
}

/// The nested pixel at order 29, by the equations of Gorski et al. (2005, ApJ 622, 759), section 4.1 and 5.3, in long double:
/// the projection to base pixel and (x, y) in it, then the bits of x and y interleaved.
std::int64_t slow_healpix29(Position p) {
  const long double pi = std::numbers::pi_v<long double>;
  const long double z = std::sin(static_cast<long double>(p.dec) * pi / 180.0L), za = std::abs(z);
  long double tt = std::fmod(static_cast<long double>(p.ra) / 90.0L, 4.0L);
  if (tt < 0) tt += 4.0L;
  std::int64_t face = 0, x = 0, y = 0;
  if (za <= 2.0L / 3.0L) {
    const long double a = nside29 * (0.5L + tt), b = nside29 * z * 0.75L;
    const auto jp = static_cast<std::int64_t>(a - b), jm = static_cast<std::int64_t>(a + b);
    const std::int64_t ifp = jp / nside29, ifm = jm / nside29;
    face = ifp == ifm ? (ifp & 3) + 4 : ifp < ifm ? (ifp & 3) : (ifm & 3) + 8;
    x = jm & (nside29 - 1);
    y = nside29 - (jp & (nside29 - 1)) - 1;
  } else {
    const auto quarter = std::min<std::int64_t>(3, static_cast<std::int64_t>(tt));
    const long double tp = tt - static_cast<long double>(quarter);
    const long double colatitude = (90.0L - std::abs(static_cast<long double>(p.dec))) * pi / 180.0L;
    const long double sigma = nside29 * std::sqrt(6.0L) * std::sin(colatitude / 2.0L);  // N sqrt(3 (1 - |z|))
    const auto jp = std::min(static_cast<std::int64_t>(tp * sigma), nside29 - 1);
    const auto jm = std::min(static_cast<std::int64_t>((1.0L - tp) * sigma), nside29 - 1);
    face = z > 0 ? quarter : quarter + 8;
    x = z > 0 ? nside29 - jm - 1 : jp;
    y = z > 0 ? nside29 - jp - 1 : jm;
  }
  std::int64_t pixel = face << 58;
  for (int bit = 0; bit < 29; ++bit) pixel |= ((x >> bit & 1) << (2 * bit)) | ((y >> bit & 1) << (2 * bit + 1));
  return pixel;
}

struct Known {
  double ra, dec;
  std::int64_t key;
};

// healpy 1.16.1: ang2pix(2**29, radians(90 - dec), radians(ra), nest=True).
constexpr Known known[] = {
    {0, 0, 1369094286720630784},
    {45, 45, 217017208117448652},
    {180, -45, 3072205542941819018},
    {359.999, 0.001, 1369094286890017812},
    {10.68470833, 41.26875, 190633513587146697},
    {83.63311446, 22.01448714, 1701909093095462915},
    {266.41681667, -29.00780556, 2028740913184791188},
    {0, 90, 288230376151711743},
    {0, -90, 2305843009213693952},
    {123.456, 89.9999, 576460752302974582},
    {12.5, -89.99999, 2305843009213704285},
    {45, 41.8103148957786, 216172782113783808},
    {300.1, -41.9, 3343470123414521065},
};

TEST(Healpix29, AgreesWithHealpy) {
  for (const Known& k : known) EXPECT_EQ(healpix29({k.ra, k.dec}), k.key) << k.ra << " " << k.dec;
}

TEST(Healpix29, AgreesWithThePublishedEquationsAllOverTheSky) {
  ObjectRandom random(1, 1);
  int different = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Position p = random_position(random);
    const std::int64_t key = healpix29(p), slow = slow_healpix29(p);
    ASSERT_EQ(pixel_of(key, 17), pixel_of(slow, 17)) << p.ra << " " << p.dec;
    different += key != slow;  // a border of a 0.4 mas pixel can lie between the two roundings
  }
  EXPECT_LE(different, 5);
}

TEST(Healpix29, OfManyPositionsIsThatOfEach) {
  const std::vector<double> ra = {0.0, 10.0, 359.0}, dec = {0.0, -80.0, 45.0};
  std::vector<std::int64_t> keys(3);
  healpix29(ra, dec, keys);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(keys[i], healpix29({ra[i], dec[i]}));
}

TEST(Healpix29, IsTheSameAFullTurnAway) {
  for (double dec = -90.0; dec <= 90.0; dec += 7.5) {
    EXPECT_EQ(healpix29({360.0, dec}), healpix29({0.0, dec})) << dec;
    EXPECT_EQ(healpix29({-360.0, dec}), healpix29({0.0, dec})) << dec;
    for (const double ra : {90.0, 180.0, 270.0}) EXPECT_EQ(healpix29({ra - 360.0, dec}), healpix29({ra, dec})) << ra << " " << dec;
  }
}

TEST(Healpix29, StaysInTheSameSmallPixelForAnyWrappedRa) {
  ObjectRandom random(2, 2);
  for (int i = 0; i < 10'000; ++i) {
    const Position p = random_position(random);
    ASSERT_EQ(pixel_of(healpix29({p.ra - 360.0, p.dec}), 20), pixel_of(healpix29(p), 20)) << p.ra << " " << p.dec;
  }
}

TEST(Healpix29, IsInRangeEverywhereIncludingThePolesAndTheSeam) {
  for (const double dec : {-90.0, -89.999999999, -1e-300, 0.0, 1e-12, 41.810314895778596, 89.999999999, 90.0})
    for (const double ra : {-360.0, -180.0, -1e-300, 0.0, 1e-300, 89.99999999999999, 180.0, 359.99999999999994, 360.0}) {
      const std::int64_t key = healpix29({ra, dec});
      EXPECT_TRUE(key >= 0 && key < pixel_count(29)) << ra << " " << dec;
    }
}

TEST(PixelOf, IsTheAncestorInTheNestedTree) {
  ObjectRandom random(3, 3);
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t key = healpix29(random_position(random));
    EXPECT_EQ(pixel_of(key, 29), key);
    for (int order = 0; order < 29; ++order) {
      EXPECT_EQ(pixel_of(key, order), pixel_of(key, order + 1) / 4);
      EXPECT_LE(first_key(pixel_of(key, order), order), key);
      EXPECT_GT(first_key(pixel_of(key, order) + 1, order), key);
    }
  }
}

TEST(PixelCount, MatchesThePixelsAndTheirAreasFillTheSphere) {
  EXPECT_EQ(pixel_count(0), 12);
  EXPECT_EQ(pixel_count(5), 12 * 32 * 32);
  for (int order = 0; order <= 29; ++order) {
    EXPECT_EQ(first_key(pixel_count(order), order), pixel_count(29));
    EXPECT_NEAR(pixel_area_deg2(order) * static_cast<double>(pixel_count(order)), 41252.96124941927, 1e-6);
  }
}

TEST(OrderOfNside, IsTheExponentOfAPowerOfTwo) {
  for (int order = 0; order <= 29; ++order) EXPECT_EQ(order_of_nside(1L << order), order);
}

TEST(OrderOfNside, RefusesEverythingElse) {
  for (const long nside : {0L, -1L, -4L, 3L, 1000L, 1L << 30, (1L << 29) + 1})
    EXPECT_TRUE(contains(error_of<UsageError>([&] { (void)order_of_nside(nside); }), std::to_string(nside)));
}

TEST(PixelCentre, LiesInItsPixel) {
  for (const int order : {0, 1, 5, 10, 29})
    for (std::int64_t i = 0; i < 1000; ++i) {
      const std::int64_t pixel = pixel_count(order) / 1000 * i % pixel_count(order);
      EXPECT_EQ(pixel_of(healpix29(pixel_centre(pixel, order)), order), pixel) << "order " << order;
    }
}

TEST(PixelCentre, AgreesWithHealpy) {
  const Position centre = pixel_centre(4096, 5);  // healpy.pix2ang(32, 4096, nest=True)
  EXPECT_NEAR(centre.ra, 0.0, 1e-12);
  EXPECT_NEAR(centre.dec, -40.22818472806108, 1e-12);
}

TEST(IsValid, TakesFinitePositionsWithinTheLimits) {
  const double nan = std::nan(""), inf = INFINITY;
  for (const Position good : {Position{0, 0}, {-360, -90}, {360, 90}}) EXPECT_TRUE(is_valid(good));
  for (const Position bad : {Position{nan, 0}, {0, nan}, {inf, 0}, {0, -inf}, {360.0001, 0}, {-360.0001, 0}, {0, 90.0001}, {0, -90.0001}})
    EXPECT_FALSE(is_valid(bad)) << bad.ra << " " << bad.dec;
}

}  // namespace
}  // namespace skyfold
