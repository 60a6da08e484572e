#include "skyfold/table/photometry.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "../support.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using Words = std::vector<std::string>;

Schema numbers(const Words& names, Type type = Type::f4) {
  Schema schema = {{"id", Type::i8}, {"comment", Type::text, 8}};
  for (const std::string& name : names) schema.push_back({name, type});
  return schema;
}

struct Survey {
  const char* title;
  Words columns, bands;
  const char *first_magnitude, *first_error;
};

class Conventions : public testing::TestWithParam<Survey> {};

TEST_P(Conventions, AreRecognisedByTheNamesOfTheColumns) {
  BandOptions o;
  const BandColumns found = resolve_bands(o, numbers(GetParam().columns), "survey.fits");
  EXPECT_EQ(o.bands, GetParam().bands);
  EXPECT_EQ(found.magnitude.front(), GetParam().first_magnitude);
  EXPECT_EQ(found.error.front(), GetParam().first_error);
  EXPECT_EQ(found.magnitude.size(), found.error.size());
}

INSTANTIATE_TEST_SUITE_P(
    Surveys, Conventions,
    testing::Values(Survey{"Dc2", {"mag_u_lsst", "mag_g_lsst", "mag_r_lsst", "mag_err_u_lsst", "mag_err_g_lsst", "mag_err_r_lsst"},
                           {"u", "g", "r"}, "mag_u_lsst", "mag_err_u_lsst"},
                    Survey{"Des", {"MAG_G", "MAG_R", "MAG_I", "MAG_Z", "MAG_ERR_G", "MAG_ERR_R", "MAG_ERR_I", "MAG_ERR_Z"},
                           {"g", "r", "i", "z"}, "MAG_G", "MAG_ERR_G"},
                    Survey{"Happy", {"u", "g", "r", "i", "z", "eu", "eg", "er", "ei", "ez"}, {"u", "g", "r", "i", "z"}, "u", "eu"},
                    Survey{"Sdss", {"psfmag_u", "psfmag_g", "psfmag_r", "psfmagerr_u", "psfmagerr_g", "psfmagerr_r"},
                           {"u", "g", "r"}, "psfmag_u", "psfmagerr_u"},
                    Survey{"Plain", {"mag_g", "mag_r", "mag_i", "mag_Y", "mag_err_g", "mag_err_r", "mag_err_i", "mag_err_Y"},
                           {"g", "r", "i", "Y"}, "mag_g", "mag_err_g"}),
    [](const auto& survey) { return std::string(survey.param.title); });

TEST(ResolveBands, NamesTheSourceWhenNoConventionMatches) {
  BandOptions o;
  EXPECT_TRUE(contains(error_of<UsageError>([&] { (void)resolve_bands(o, numbers({"ra", "dec"}), "survey.fits"); }), "survey.fits"));
}

TEST(ResolveBands, ExpandsThePatternsOfTheUserInBothCases) {
  BandOptions o;
  o.bands = {"g", "r"};
  o.magnitude = "m{BAND}_{band}";
  o.error = "e_{band}";
  const BandColumns found = resolve_bands(o, numbers({"mG_g", "mR_r", "e_g", "e_r"}), "s");
  EXPECT_EQ(found.magnitude, (Words{"mG_g", "mR_r"}));
  EXPECT_EQ(found.error, (Words{"e_g", "e_r"}));
}

TEST(ResolveBands, LeavesErrorsOutWhenTheSurveyHasNone) {
  BandOptions o;
  o.bands = {"g"};
  o.magnitude = "{band}";
  EXPECT_TRUE(resolve_bands(o, numbers({"g"}), "s").error.empty());
}

TEST(ResolveBands, SuggestsANameForAColumnThatIsAbsent) {
  BandOptions o;
  o.bands = {"g"};
  o.magnitude = "mag_{band}";
  EXPECT_TRUE(contains(error_of<UsageError>([&] { (void)resolve_bands(o, numbers({"mag_gg"}), "s.csv"); }), "did you mean 'mag_gg'?"));
}

TEST(ResolveBands, RefusesColumnsThatAreNotNumbers) {
  BandOptions o;
  o.bands = {"comment"};
  o.magnitude = "{band}";
  EXPECT_TRUE(contains(error_of<DataError>([&] { (void)resolve_bands(o, numbers({}), "s"); }), "not a column of numbers"));
}

TEST(ResolveBands, RefusesLimitsThatDoNotMatchTheBands) {
  BandOptions o;
  o.bands = {"g", "r"};
  o.magnitude = "{band}";
  o.limits = {24.0};
  EXPECT_TRUE(contains(error_of<UsageError>([&] { (void)resolve_bands(o, numbers({"g", "r"}), "s"); }), "1 values for 2 bands"));
}

TEST(ResolveBands, KeepsAnErrorPatternThatTheUserGave) {
  BandOptions o;
  o.error = "sigma_{band}";
  const BandColumns found = resolve_bands(
      o, numbers({"mag_g", "mag_r", "mag_i", "mag_err_g", "mag_err_r", "mag_err_i", "sigma_g", "sigma_r", "sigma_i"}), "s");
  EXPECT_EQ(found.error, (Words{"sigma_g", "sigma_r", "sigma_i"}));
}

TEST(BandState, TellsSentinelsFromMagnitudes) {
  const BandOptions o;
  for (const double mag : {-20.0, 0.0, 22.5, 37.3, 37.7, 90.0}) EXPECT_EQ(band_state(mag, o), BandState::observed) << mag;
  for (const double mag : {99.0, 98.95, 90.1, 1e30, double{INFINITY}, 37.5, 37.4521, 37.51, 37.59}) EXPECT_EQ(band_state(mag, o), BandState::not_detected) << mag;
  for (const double mag : {std::nan(""), -99.0, -99.05, -90.1, -9.999e9, -double{INFINITY}}) EXPECT_EQ(band_state(mag, o), BandState::not_observed) << mag;
}

TEST(BandState, FollowsTheSentinelsOfTheUser) {
  BandOptions o;
  o.nondetection = {50.0};
  o.missing = {0.0};
  EXPECT_EQ(band_state(37.5, o), BandState::observed);
  EXPECT_EQ(band_state(50.05, o), BandState::not_detected);
  EXPECT_EQ(band_state(0.0, o), BandState::not_observed);
  EXPECT_EQ(band_state(99.0, o), BandState::not_detected);   // beyond 90 in any case
}

/// What the header says of one band of one object, without any of the code's ways.
void expect_cell(const Photometry& p, std::size_t i, std::size_t band, double mag, double error, double limit) {
  const std::size_t cell = i * p.n_bands + band;
  const bool counts = p.observed[i] >> band & 1U;
  switch (band_state(mag, BandOptions())) {
    case BandState::observed:
      EXPECT_TRUE(counts);
      EXPECT_EQ(p.mag[cell], mag);
      EXPECT_TRUE(error > 0.0 ? p.mag_err[cell] == error : std::isnan(p.mag_err[cell]));
      break;
    case BandState::not_detected:
      EXPECT_TRUE(counts);
      EXPECT_EQ(p.mag[cell], limit);
      EXPECT_EQ(p.mag_err[cell], 1.0);
      break;
    case BandState::not_observed:
      EXPECT_FALSE(counts);
      EXPECT_TRUE(std::isnan(p.mag[cell]));
      EXPECT_TRUE(std::isnan(p.mag_err[cell]));
  }
}

TEST(GatherPhotometry, FollowsTheRulesForEachCell) {
  const BandColumns columns = {{"g", "r"}, {"eg", "er"}};
  const double limits[] = {24.0, 25.0};
  const double mags[] = {22.5, 99.0, -99.0, std::nan(""), -9.999e9, 37.5}, errors[] = {0.25, 0.0, -1.0, std::nan(""), 99.0};
  Table table({{"g", Type::f4}, {"eg", Type::f4}, {"r", Type::f8}, {"er", Type::f8}}, 400);
  ObjectRandom random(1, 1);
  for (std::size_t i = 0; i < table.rows(); ++i) {
    table[0].values<float>()[i] = static_cast<float>(mags[random.next() % 6]);
    table[1].values<float>()[i] = static_cast<float>(errors[random.next() % 5]);
    table[2].values<double>()[i] = mags[random.next() % 6];
    table[3].values<double>()[i] = errors[random.next() % 5];
  }
  Photometry out;
  gather_photometry(table, columns, BandOptions(), limits, out);
  ASSERT_EQ(out.n_objects, 400U);
  ASSERT_EQ(out.n_bands, 2U);
  for (std::size_t i = 0; i < table.rows(); ++i)
    for (std::size_t band = 0; band < 2; ++band)
      expect_cell(out, i, band, table[2 * band].number(i), table[2 * band + 1].number(i), limits[band]);
}

TEST(GatherPhotometry, LeavesNothingOfTheBlockBeforeInAReusedBuffer) {
  const BandColumns columns = {{"g"}, {}};
  const double limits[] = {24.0};
  Table table({{"g", Type::f4}}, 3);
  std::fill_n(table[0].values<float>().begin(), 3, 21.0F);
  Photometry out;
  gather_photometry(table, columns, BandOptions(), limits, out);
  table.resize(2);
  table[0].values<float>()[1] = std::nanf("");
  gather_photometry(table, columns, BandOptions(), limits, out);
  ASSERT_EQ(out.mag.size(), 2U);
  EXPECT_EQ(out.observed[0], 1U);
  EXPECT_EQ(out.observed[1], 0U);
  EXPECT_TRUE(std::isnan(out.mag[1]));
  EXPECT_TRUE(std::isnan(out.mag_err[0]));
}

TEST(GatherPhotometry, ReadsIntegerMagnitudesWithTheirMissingValue) {
  ColumnInfo info{"g", Type::i4};
  info.null = 0;
  Table table({info}, 2);
  table[0].values<std::int32_t>()[0] = 0;
  table[0].values<std::int32_t>()[1] = 21;
  const double limits[] = {24.0};
  Photometry out;
  gather_photometry(table, {{"g"}, {}}, BandOptions(), limits, out);
  EXPECT_EQ(out.observed[0], 0U);
  EXPECT_EQ(out.mag[1], 21.0);
}

}  // namespace
}  // namespace skyfold
