#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "skyfold/core/error.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/mock/stars.hpp"
#include "skyfold/table/photometry.hpp"

using namespace skyfold;

namespace {

MockOptions with_objects(long n, long seed = 1) {
  MockOptions o;
  o.objects = n;
  o.seed = seed;
  return o;
}

struct Sky {
  explicit Sky(const MockOptions& o) : stars(o), objects(MockStars::schema()) { stars.generate({0, stars.rows()}, objects, 2); }
  [[nodiscard]] double number(const char* column, std::size_t row) const { return objects.at(column).number(row); }
  MockStars stars;
  Table objects;
};
const Sky& sky() {
  static const Sky made(with_objects(50'000));
  return made;
}

TEST(MockStarCatalogue, HoldExactlyTheObjectsAskedForInTheOrderOfACatalogue) {
  ASSERT_EQ(sky().objects.rows(), 50'000U);
  EXPECT_EQ(sky().stars.cells().back().rows.end, 50'000);
  std::set<std::int64_t> ids;
  std::int64_t before = -1;
  for (std::size_t row = 0; row < sky().objects.rows(); ++row) {
    const std::int64_t key = healpix29({sky().number("ra", row), sky().number("dec", row)});
    ASSERT_LE(before, key);
    ASSERT_EQ(sky().objects.at("_healpix_29").integer(row), key);
    ASSERT_TRUE(ids.insert(sky().objects.at("id").integer(row)).second);
    before = key;
  }
  EXPECT_EQ(Sky(with_objects(1)).objects.rows(), 1U);
}

TEST(MockStarCatalogue, DoNotDependOnThreadsOrOnHowRowsAreCut) {
  Table part(MockStars::schema());
  for (const RowRange rows : {RowRange{0, 1}, {1, 9'999}, {9'999, 31'234}, {49'990, 50'000}, {7, 7}})
    for (const int threads : {1, 3}) {
      sky().stars.generate(rows, part, threads);
      ASSERT_EQ(static_cast<std::int64_t>(part.rows()), rows.size());
      for (std::size_t c = 0; c < part.columns(); ++c) {
        const std::size_t width = part[c].info().bytes_per_row();
        EXPECT_EQ(std::memcmp(part[c].bytes().data(), sky().objects[c].bytes().data() + static_cast<std::size_t>(rows.begin) * width,
                              part.rows() * width),
                  0)
            << part[c].info().name;
      }
    }
}

TEST(MockStarCatalogue, OfAnotherSeedAreOtherStars) {
  const Sky other(with_objects(2'000, 2)), same(with_objects(2'000, 1));
  EXPECT_NE(other.number("dec", 100), same.number("dec", 100));
  EXPECT_NE(other.number("psfmag_r", 100), same.number("psfmag_r", 100));
}

TEST(MockStarCatalogue, AreAsDenseAsTheSkyAtTheirLatitude) {
  std::map<std::int64_t, double> counts;
  for (std::size_t row = 0; row < sky().objects.rows(); ++row) ++counts[sky().objects.at("_healpix_29").integer(row) >> (2 * (29 - 6))];
  std::vector<double> relative;
  for (const auto& [pixel, count] : counts) relative.push_back(count / pixel_area_deg2(6) / star_density(pixel_centre(pixel, 6)));
  EXPECT_NEAR(median(relative), 1.0, 0.15);
  EXPECT_NEAR(star_density({192.86, 27.13}), 5500.0, 1.0);   // galactic pole
  EXPECT_NEAR(star_density({266.4, -28.9}), 27'500.0, 1.0);  // galactic centre
}

/// Variance over mean of the counts in pixels of 7 arcmin, relative to what the density of each lets expect; 1 for a
/// Poisson process. The cell that holds fewest objects may be incomplete and is left out.
double dispersion(const Table& objects) {
  std::map<std::int64_t, std::map<std::int64_t, double>> cells;
  for (std::size_t row = 0; row < objects.rows(); ++row) {
    const std::int64_t key = objects.at("_healpix_29").integer(row);
    ++cells[pixel_of(key, MockStars::order)][pixel_of(key, 9)];
  }
  const auto objects_of = [](const auto& cell) {
    double sum = 0.0;
    for (const auto& [pixel, count] : cell.second) sum += count;
    return sum;
  };
  cells.erase(std::ranges::min_element(cells, {}, objects_of));
  double sum = 0.0, n = 0.0;
  for (const auto& [cell, pixels] : cells)
    for (std::int64_t pixel = cell << 6; pixel < (cell + 1) << 6; ++pixel, ++n) {
      const double expected = star_density(pixel_centre(pixel, 9)) * pixel_area_deg2(9);
      const double count = pixels.contains(pixel) ? pixels.at(pixel) : 0.0;
      sum += (count - expected) * (count - expected) / expected;
    }
  return sum / n;
}

TEST(MockStarCatalogue, AreClusteredOnlyIfAsked) {
  MockOptions even = with_objects(50'000);
  even.clustering = 0.0;
  EXPECT_NEAR(dispersion(Sky(even).objects), 1.0, 0.35);
  EXPECT_GT(dispersion(sky().objects), 2.0);
}

TEST(MockStarCatalogue, LieOnTheStellarLocusWithinScatterAndErrors) {
  std::vector<double> residual;
  for (std::size_t row = 0; row < sky().objects.rows(); ++row) {
    const double g = sky().number("psfmag_g", row), r = sky().number("psfmag_r", row), i = sky().number("psfmag_i", row);
    if (r > 17.0) continue;
    residual.push_back((g - r) - stellar_locus(r - i)[1]);
  }
  ASSERT_GT(residual.size(), 1000U);
  EXPECT_NEAR(median(residual), 0.0, 0.03);
  EXPECT_LT(nmad(residual), 0.2);  // scatter of 0.03 a band; the locus is steep where r - i is small
  EXPECT_GT(nmad(residual), 0.03);
}

TEST(MockStarCatalogue, GetMoreNumerousTowardsFaintMagnitudes) {
  std::array<int, 10> counts{};
  for (std::size_t row = 0; row < sky().objects.rows(); ++row) {
    const double r = sky().number("psfmag_r", row);
    if (r >= 14.0 && r < 22.0) ++counts[static_cast<std::size_t>(r) - 14];
  }
  for (std::size_t k = 2; k < 8; ++k) EXPECT_NEAR(static_cast<double>(counts[k]) / counts[k - 1], std::pow(10.0, 0.17), 0.2) << k;
}

TEST(MockStarCatalogue, HaveColumnsThatAreRecognisedAsFiveBandsWithErrors) {
  BandOptions bands;
  const auto columns = resolve_bands(bands, MockStars::schema(), "mock");
  EXPECT_EQ(bands.bands, (std::vector<std::string>{"u", "g", "r", "i", "z"}));
  EXPECT_EQ(columns.magnitude[2], "psfmag_r");
  EXPECT_EQ(columns.error[4], "psfmagerr_z");
}

TEST(MockStarCatalogue, CannotOutnumberTheSky) { EXPECT_THROW(MockStars{with_objects(1'000'000'000)}, UsageError); }

}  // namespace
