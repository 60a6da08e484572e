// Tiles, footprint and cells of the mock survey.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <set>

#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/mock/deviates.hpp"
#include "skyfold/kernels/mock/footprint.hpp"

namespace skyfold {
namespace {

constexpr double radians = std::numbers::pi / 180.0;

TEST(MockTiling, GivesEveryTileTheAreaOfADesTileWithinOnePercent) {
  const Tiling tiling;
  for (std::int64_t i = 0; i < tiling.size(); ++i) {
    const SkyTile t = tiling.tile(i);
    if (std::abs(t.centre.dec) > 65.0) continue;  // few tiles in a row: they are stretched to fill the circle
    const double low = t.centre.dec - 0.5 * t.dec_height, high = t.centre.dec + 0.5 * t.dec_height;
    const double area = t.ra_width * (std::sin(high * radians) - std::sin(low * radians)) / radians;
    ASSERT_NEAR(area, 0.7306 * 0.7306, 0.01 * 0.7306 * 0.7306) << t.name;
  }
}

TEST(MockTiling, SpacesCentresByTheTileSideInDecAndAtLeastItsSideOnTheSkyInRa) {
  const Tiling tiling;
  SkyTile before = tiling.tile(0);
  for (std::int64_t i = 1; i < tiling.size(); ++i) {
    const SkyTile t = tiling.tile(i);
    if (t.centre.dec == before.centre.dec) {
      ASSERT_NEAR(t.centre.ra - before.centre.ra, t.ra_width, 1e-9);
      ASSERT_GE(t.ra_width * std::cos(t.centre.dec * radians), 0.7306 - 1e-9);
    } else {
      ASSERT_NEAR(t.centre.dec - before.centre.dec, 0.7306, 1e-9);
    }
    before = t;
  }
}

TEST(MockTiling, FindsEachTileFromPositionsInsideIt) {
  const Tiling tiling;
  for (std::int64_t i = 0; i < tiling.size(); i += 7) {
    const SkyTile t = tiling.tile(i);
    for (const double east : {-0.499, 0.0, 0.499})
      for (const double north : {-0.499, 0.0, 0.499}) {
        const double dec = t.centre.dec + north * t.dec_height;
        if (std::abs(dec) > 90.0) continue;
        ASSERT_EQ(tiling.index_of({t.centre.ra + east * t.ra_width, dec}), i) << t.name;
      }
  }
}

TEST(MockTiling, NamesAreUniqueAndMadeOfTheTruncatedCentre) {
  const Tiling tiling;
  std::set<std::string> names;
  for (std::int64_t i = 0; i < tiling.size(); ++i) {
    const SkyTile t = tiling.tile(i);
    ASSERT_EQ(t.name.size(), 12U);
    ASSERT_TRUE(names.insert(t.name).second) << t.name;
    const double ra = 15.0 * (std::stod(t.name.substr(3, 2)) + std::stod(t.name.substr(5, 2)) / 60.0);
    const double dec = std::stod(t.name.substr(8, 2)) + std::stod(t.name.substr(10, 2)) / 60.0;
    ASSERT_GE(t.centre.ra - ra, -1e-9);
    ASSERT_LT(t.centre.ra - ra, 0.25);
    ASSERT_GE(std::abs(t.centre.dec) - dec, -1e-9);
    ASSERT_LT(std::abs(t.centre.dec) - dec, 1.0 / 60.0);
    ASSERT_EQ(t.name[7], t.centre.dec < 0.0 ? '-' : '+');
  }
}

TEST(MockFootprint, HoldsExactlyTheObjectsAskedForInContiguousCells) {
  const Tiling tiling;
  for (const long n : {1L, 2L, 999L, 3'900L, 4'000L, 123'457L, 126'623'762L}) {
    MockOptions o;
    o.objects = n;
    const MockFootprint footprint(o, tiling);
    const auto& cells = footprint.cells();
    std::int64_t row = 0, pixel = -1;
    for (const auto& cell : cells) {
      ASSERT_EQ(cell.rows.begin, row);
      ASSERT_GT(cell.rows.size(), 0);
      ASSERT_GT(cell.pixel, pixel);
      row = cell.rows.end;
      pixel = cell.pixel;
    }
    EXPECT_EQ(row, n);
  }
}

/// Objects of each tile, as expected from the density in the cells' pixels.
std::map<std::int64_t, double> objects_per_tile(const MockFootprint& footprint, const Tiling& tiling) {
  std::map<std::int64_t, double> objects;
  constexpr int shift = 2 * (field_order - cell_order);
  for (const auto& cell : footprint.cells()) {
    const auto cumulative = footprint.cumulative_density(cell);
    double below = 0.0;
    for (std::int64_t k = 0; k < (1 << shift); ++k) {
      const double upto = std::min(1.0, cumulative[static_cast<std::size_t>(k)] / cell.filled);
      if (upto > below)
        objects[tiling.index_of(pixel_centre((cell.pixel << shift) + k, field_order))] +=
            static_cast<double>(cell.rows.size()) * (upto - below);
      below = upto;
    }
  }
  return objects;
}

TEST(MockFootprint, OfDesY1sSizeHasDesY1sTiles) {
  // 126,623,762 objects in 3,373 tiles: Gschwend et al. 2018, Astronomy and Computing 25, 58.
  const Tiling tiling;
  MockOptions o;
  o.objects = 126'623'762;
  const MockFootprint footprint(o, tiling);
  int tiles = 0;
  for (std::int64_t i = 0; i < tiling.size(); ++i) tiles += footprint.holds(tiling.centre(i));
  EXPECT_NEAR(tiles, 3373, 34);
}

TEST(MockFootprint, HasTilesOf40000ObjectsWhateverItsSize) {
  const Tiling tiling;
  for (const long n : {1'000'000L, 12'000'000L}) {
    MockOptions o;
    o.objects = n;
    std::vector<double> counts;
    for (const auto& [tile, count] : objects_per_tile(MockFootprint(o, tiling), tiling)) counts.push_back(count);
    EXPECT_NEAR(median(counts), 40'000.0, 4'000.0) << n;
    const double expected = static_cast<double>(n) / 37'540.0;  // the mean of DES Y1
    EXPECT_NEAR(static_cast<double>(counts.size()), expected, 2.0 + 0.05 * expected);
    EXPECT_LE(std::ranges::count_if(counts, [](double c) { return c < 20'000.0; }), 2) << "only the last tile is cut";
  }
}

TEST(MockFootprint, KeepsItsDensityDownToPiecesOfATile) {
  const Tiling tiling;
  for (const long n : {1'000L, 10'000L}) {
    MockOptions o;
    o.objects = n;
    o.clustering = 0.0;
    double area = 0.0;
    const MockFootprint footprint(o, tiling);
    for (const auto& cell : footprint.cells()) {
      const auto cumulative = footprint.cumulative_density(cell);
      for (std::size_t k = 0; k < cumulative.size(); ++k)
        area += pixel_area_deg2(field_order) *
                (cumulative[k] > (k == 0 ? 0.0 : cumulative[k - 1]) && (k == 0 ? 0.0 : cumulative[k - 1]) < cell.filled);
    }
    EXPECT_NEAR(static_cast<double>(n) / area * 0.7306 * 0.7306, 40'000.0, 16'000.0) << n;
  }
}

TEST(MockFootprint, MakesDeeperTilesDenserByTheSlopeOfTheCounts) {
  MockOptions o;
  std::vector<double> ratio, depth;
  for (std::int64_t tile = 0; tile < 4000; ++tile) {
    const auto c = tile_conditions(o, tile);
    const double deeper = c.depth[mock_i_band] - mock_bands[mock_i_band].depth;
    depth.push_back(deeper);
    ratio.push_back(std::log10(c.density) - 0.33 * deeper);
  }
  EXPECT_NEAR(median(ratio), 0.0, 0.002);
  EXPECT_NEAR(nmad(depth), 0.15, 0.01);
}

TEST(MockFootprint, CumulativeDensityRisesToOne) {
  const Tiling tiling;
  const MockFootprint footprint(MockOptions{}, tiling);
  for (const auto& cell : footprint.cells()) {
    const auto density = footprint.cumulative_density(cell);
    ASSERT_EQ(density.size(), 256U);
    ASSERT_TRUE(std::is_sorted(density.begin(), density.end()));
    ASSERT_GE(density.front(), 0.0);
    ASSERT_EQ(density.back(), 1.0);
  }
}

TEST(MockDeviates, NormalQuantileInvertsTheNormalDistribution) {
  for (double p = 1e-10; p < 1.0; p = p < 0.01 ? 3.0 * p : p + 0.003) {
    const double x = normal_quantile(p);
    EXPECT_NEAR(0.5 * std::erfc(-x / std::numbers::sqrt2), p, 3e-5 * p) << "p = " << p;
    EXPECT_NEAR(normal_quantile(1.0 - p), -x, p < 0.01 ? 1e-4 : 1e-12);  // 1 - p rounds
  }
}

}  // namespace
}  // namespace skyfold
