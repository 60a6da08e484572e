// The catalogue of the mock survey as a whole, and its spectroscopic sample.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/mock/spectroscopy.hpp"
#include "skyfold/table/photometry.hpp"

namespace skyfold {
namespace {

MockOptions with_objects(long objects, long seed = 1) {
  MockOptions o;
  o.objects = objects;
  o.seed = seed;
  return o;
}

/// A survey and all of its rows.
struct Sky {
  explicit Sky(const MockOptions& o) : survey(o), objects(MockSurvey::schema()) { survey.generate(RowRange{0, survey.rows()}, objects, 2); }
  [[nodiscard]] double number(const char* column, std::size_t row) const { return objects.at(column).number(row); }
  MockSurvey survey;
  Table objects;
};
const Sky& sky() {
  static const Sky made(with_objects(200'000));
  return made;
}

void expect_same_rows(const Table& a, std::size_t a_row, const Table& b, std::size_t b_row, std::size_t rows) {
  for (std::size_t c = 0; c < a.columns(); ++c) {
    const std::size_t width = a[c].info().bytes_per_row();
    EXPECT_EQ(std::memcmp(a[c].bytes().data() + a_row * width, b[c].bytes().data() + b_row * width, rows * width), 0) << a[c].info().name;
  }
}

TEST(MockSurvey, HoldsExactlyTheObjectsAskedFor) {
  for (const long n : {1L, 7L, 5'000L}) {
    const Sky small(with_objects(n));
    EXPECT_EQ(static_cast<long>(small.objects.rows()), n);
    EXPECT_EQ(small.survey.cells().back().rows.end, n);
  }
}

TEST(MockSurvey, IsInTheOrderOfACatalogueWithUniqueIds) {
  std::set<std::int64_t> ids;
  std::pair<std::int64_t, std::int64_t> before = {-1, -1};
  for (std::size_t row = 0; row < sky().objects.rows(); ++row) {
    const std::int64_t id = sky().objects.at("id").integer(row);
    const std::pair key = {healpix29({sky().number("ra", row), sky().number("dec", row)}), id};
    ASSERT_LT(before, key) << "row " << row;
    ASSERT_EQ(sky().objects.at("_healpix_29").integer(row), key.first) << "row " << row;
    ASSERT_TRUE(ids.insert(id).second) << "row " << row;
    before = key;
  }
}

TEST(MockSurvey, PutsEveryObjectInItsCell) {
  for (const auto& cell : sky().survey.cells())
    for (std::int64_t row = cell.rows.begin; row < cell.rows.end; ++row) {
      const auto r = static_cast<std::size_t>(row);
      ASSERT_EQ(pixel_of(healpix29({sky().number("ra", r), sky().number("dec", r)}), cell_order), cell.pixel);
    }
}

TEST(MockSurvey, PutsEveryObjectInTheTileOfItsName) {
  for (std::size_t row = 0; row < sky().objects.rows(); ++row) {
    const std::string name(sky().objects.at("tile").text(row));
    const double ra = 15.0 * (std::stod(name.substr(3, 2)) + std::stod(name.substr(5, 2)) / 60.0);
    const double dec = -(std::stod(name.substr(8, 2)) + std::stod(name.substr(10, 2)) / 60.0);
    ASSERT_EQ(name.substr(0, 3) + name[7], "DES-");
    // Names are truncated to a minute of time (0.25 deg) and of arc.
    ASSERT_LE(std::abs(sky().number("dec", row) - dec), 0.5 * 0.7306 + 1.0 / 60.0) << name;
    const double width = 0.7306 / std::cos(dec * 0.017453293) * 1.01;
    ASSERT_LE(std::abs(std::remainder(sky().number("ra", row) - ra, 360.0)), 0.5 * width + 0.25) << name;
  }
}

TEST(MockSurvey, FillsWholeTilesButTheLast) {
  std::map<std::string, int> counts;
  const Column& tiles = sky().objects.at("tile");
  for (std::size_t row = 0; row < sky().objects.rows(); ++row) ++counts[std::string(tiles.text(row))];
  const auto small = std::ranges::count_if(counts, [](const auto& tile) { return tile.second < 20'000; });
  EXPECT_LE(small, 1);
  EXPECT_GE(counts.size(), 4U);
  EXPECT_LE(counts.size(), 8U);
}

TEST(MockSurvey, MakesACellAloneAsItDoesInSequence) {
  Table alone(MockSurvey::schema());
  const auto cells = sky().survey.cells();
  for (std::size_t cell = cells.size(); cell-- > 0;) {
    MockSurvey(with_objects(200'000)).generate(cell, alone);
    expect_same_rows(alone, 0, sky().objects, static_cast<std::size_t>(cells[cell].rows.begin), alone.rows());
    if (cell + 3 < cells.size()) break;
  }
}

TEST(MockSurvey, DoesNotDependOnThreadsOrOnHowRowsAreCut) {
  Table part(MockSurvey::schema());
  for (const RowRange rows : {RowRange{0, 1}, {1, 9'999}, {9'999, 10'000}, {10'000, 77'777}, {199'990, 200'000}})
    for (const int threads : {1, 3}) {
      sky().survey.generate(rows, part, threads);
      ASSERT_EQ(static_cast<std::int64_t>(part.rows()), rows.size());
      expect_same_rows(part, 0, sky().objects, static_cast<std::size_t>(rows.begin), part.rows());
    }
  sky().survey.generate(RowRange{5, 5}, part, 2);
  EXPECT_EQ(part.rows(), 0U);
}

TEST(MockSurvey, OfAnotherSeedIsAnotherSky) {
  const Sky other(with_objects(5'000, 2)), same(with_objects(5'000, 1)), again(with_objects(5'000, 1));
  expect_same_rows(same.objects, 0, again.objects, 0, 5'000);
  EXPECT_NE(other.number("dec", 100), same.number("dec", 100));
  EXPECT_NE(other.number("mag_i", 100), same.number("mag_i", 100));
}

TEST(MockSurvey, HasColumnsThatAreRecognisedAsFiveBandsWithErrors) {
  BandOptions bands;
  const auto columns = resolve_bands(bands, MockSurvey::schema(), "mock");
  EXPECT_EQ(bands.bands, (std::vector<std::string>{"g", "r", "i", "z", "Y"}));
  EXPECT_EQ(columns.magnitude[4], "mag_Y");
  EXPECT_EQ(columns.error[0], "mag_err_g");
  for (const char* name : {"id", "ra", "dec", "tile", "z_spec", "is_star"}) EXPECT_TRUE(find_column(MockSurvey::schema(), name)) << name;
}

TEST(MockSurvey, LosesFewObjectsInDeepBandsAndMoreInShallowOnes) {
  std::map<std::string, double> lost;
  for (const auto& band : mock_bands) {
    const auto mag = sky().objects.at(std::string("mag_") + band.name).values<float>();
    lost[band.name] = static_cast<double>(std::ranges::count(mag, 99.0F)) / 200'000.0;
  }
  EXPECT_GT(lost["g"], 0.001);
  EXPECT_LT(lost["g"], 0.08);
  EXPECT_LT(lost["i"], 0.001);
  EXPECT_GT(lost["Y"], 0.05);
  EXPECT_LT(lost["Y"], 0.35);
}

TEST(MockSurvey, LacksExposuresInWholeTiles) {
  const Sky wide(with_objects(2'000'000));  // enough tiles for some to lack a band
  std::map<std::string, std::set<bool>> missing;
  const Column& tile = wide.objects.at("tile");
  const auto mag = wide.objects.at("mag_Y").values<float>(), err = wide.objects.at("mag_err_Y").values<float>();
  for (std::size_t row = 0; row < wide.objects.rows(); ++row) {
    missing[std::string(tile.text(row))].insert(mag[row] == -99.0F);
    ASSERT_EQ(mag[row] == -99.0F, err[row] == -99.0F);
  }
  const auto with = std::ranges::count_if(missing, [](const auto& t) { return t.second.contains(true); });
  for (const auto& [name, states] : missing) ASSERT_EQ(states.size(), 1U) << name;
  EXPECT_GT(with, 0);
  EXPECT_LT(static_cast<double>(with), 0.15 * static_cast<double>(missing.size()));
}

/// Variance over mean of counts on a 20 x 20 grid in the middle of the fullest tile; 1 for a Poisson process.
double dispersion(const Table& objects) {
  std::map<std::string_view, std::vector<Position>> tiles;
  for (std::size_t row = 0; row < objects.rows(); ++row)
    tiles[objects.at("tile").text(row)].push_back({objects.at("ra").number(row), objects.at("dec").number(row)});
  const auto& positions = std::ranges::max_element(tiles, {}, [](const auto& t) { return t.second.size(); })->second;
  const auto [west, east] = std::ranges::minmax(positions, {}, &Position::ra);
  const auto [south, north] = std::ranges::minmax(positions, {}, &Position::dec);
  const auto line = [](double x, double low, double high) { return std::floor(((x - low) / (high - low) - 0.1) / 0.04); };
  std::array<double, 400> counts{};
  for (const Position& p : positions) {
    const double column = line(p.ra, west.ra, east.ra), row = line(p.dec, south.dec, north.dec);
    if (column >= 0.0 && column < 20.0 && row >= 0.0 && row < 20.0) ++counts[static_cast<std::size_t>(column + 20.0 * row)];
  }
  double sum = 0.0, sum2 = 0.0;
  for (const double count : counts) sum += count, sum2 += count * count;
  const double mean = sum / 400.0;
  return (sum2 / 400.0 - mean * mean) / mean;
}

TEST(MockSurvey, ClustersItsObjectsOnlyIfAsked) {
  MockOptions even = with_objects(200'000);
  even.clustering = 0.0;
  EXPECT_NEAR(dispersion(Sky(even).objects), 1.0, 0.3);  // its own error is sqrt(2 / 400) = 0.07; depth adds none
  EXPECT_GT(dispersion(sky().objects), 3.0);
}

TEST(MockSurvey, RefusesWhatItCannotMake) {
  EXPECT_THROW(MockSurvey(with_objects(0)), UsageError);
  EXPECT_THROW(MockSurvey(with_objects(2'000'000'000)), UsageError);
  MockOptions unknown;
  unknown.survey = "lsst";
  EXPECT_THROW(MockSurvey{unknown}, UsageError);
}

TEST(MockOptions, AreReadByTheirNames) {
  MockOptions o;
  OptionSet options;
  describe(options, o);
  options.read_command_line({"--objects", "12", "--seed=5", "--mock.star_fraction", "0.5", "--spectroscopic", "0.1"});
  EXPECT_EQ(o.objects, 12);
  EXPECT_EQ(o.seed, 5);
  EXPECT_EQ(o.star_fraction, 0.5);
  EXPECT_EQ(o.spectroscopic, 0.1);
  EXPECT_THROW(options.read_command_line({"--survey", "sdss"}), UsageError);
}

TEST(SpectroscopicSelection, TakesTheFractionAskedForWithinATenth) {
  for (const double fraction : {0.005, 0.02, 0.2}) {
    const SpectroscopicSelection selection(sky().survey, fraction);
    const double taken = static_cast<double>(selection.selected(sky().objects).size()) / 200'000.0;
    EXPECT_NEAR(taken, fraction, 0.1 * fraction);
  }
  EXPECT_TRUE(SpectroscopicSelection(sky().survey, 0.0).selected(sky().objects).empty());
}

TEST(SpectroscopicSelection, PrefersBrightGalaxies) {
  const SpectroscopicSelection selection(sky().survey, 0.05);
  std::array<double, 3> taken{}, all{};  // bright and faint galaxies, stars
  const auto group = [&](std::size_t row) {
    if (sky().number("is_star", row) > 0.0) return std::size_t{2};
    return sky().number("mag_i", row) < 18.5 ? std::size_t{0} : std::size_t{1};
  };
  for (std::size_t row = 0; row < 200'000; ++row) ++all[group(row)];
  for (const std::size_t row : selection.selected(sky().objects)) ++taken[group(row)];
  EXPECT_GT(taken[0] / all[0], 5.0 * taken[1] / all[1]);
  EXPECT_LT(taken[2], 0.05 * (taken[0] + taken[1]));
  EXPECT_GT(taken[1], taken[2]);
}

TEST(SpectroscopicSelection, JudgesEachObjectByItself) {
  const SpectroscopicSelection selection(sky().survey, 0.05);
  const auto all = selection.selected(sky().objects);
  Table cell(MockSurvey::schema());
  const std::size_t middle = sky().survey.cells().size() / 2;
  sky().survey.generate(middle, cell);
  const auto first = static_cast<std::size_t>(sky().survey.cells()[middle].rows.begin);
  std::vector<std::size_t> expected;
  for (const std::size_t row : all)
    if (row >= first && row < first + cell.rows()) expected.push_back(row - first);
  EXPECT_EQ(selection.selected(cell), expected);
}

/// Redshift of the nearest training galaxies in colours and magnitude, by brute force.
double nearest_neighbours_redshift(const Table& objects, const std::vector<std::size_t>& training, std::size_t row) {
  const auto features = [&](std::size_t k) {
    std::array<double, 4> f{};
    for (std::size_t b = 0; b < 3; ++b) f[b] = objects[mock_column::mag + b].number(k) - objects[mock_column::mag + b + 1].number(k);
    f[3] = 0.3 * objects[mock_column::mag + mock_i_band].number(k);
    return f;
  };
  const auto here = features(row);
  std::vector<std::pair<double, double>> neighbours;
  for (const std::size_t k : training) {
    const auto there = features(k);
    double d2 = 0.0;
    for (std::size_t j = 0; j < 4; ++j) d2 += (here[j] - there[j]) * (here[j] - there[j]);
    neighbours.emplace_back(d2, objects.at("z_spec").number(k));
  }
  std::nth_element(neighbours.begin(), neighbours.begin() + 8, neighbours.end());
  double sum = 0.0;
  for (std::size_t j = 0; j < 8; ++j) sum += neighbours[j].second;
  return sum / 8.0;
}

TEST(SpectroscopicSelection, AllowsPhotometricRedshiftsThatAreNeitherTrivialNorHopeless) {
  auto rows = SpectroscopicSelection(sky().survey, 0.02).selected(sky().objects);
  std::erase_if(rows, [](std::size_t row) { return sky().number("is_star", row) > 0.0; });
  std::vector<std::size_t> training, test;
  for (std::size_t k = 0; k < rows.size(); ++k) (k % 8 == 0 ? test : training).push_back(rows[k]);
  std::vector<double> errors;
  for (const std::size_t row : test) {
    const double z = sky().number("z_spec", row);
    errors.push_back((nearest_neighbours_redshift(sky().objects, training, row) - z) / (1.0 + z));
  }
  EXPECT_GT(nmad(errors), 0.02);
  EXPECT_LT(nmad(errors), 0.06);
}

}  // namespace
}  // namespace skyfold
