#include "skyfold/table/photometry.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "../support.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/table/band_remarks.hpp"

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
    testing::Values(Survey{"Dc2",
                           {"mag_u_lsst", "mag_g_lsst", "mag_r_lsst", "mag_err_u_lsst", "mag_err_g_lsst", "mag_err_r_lsst"},
                           {"u", "g", "r"},
                           "mag_u_lsst",
                           "mag_err_u_lsst"},
                    Survey{"Des",
                           {"MAG_G", "MAG_R", "MAG_I", "MAG_Z", "MAG_ERR_G", "MAG_ERR_R", "MAG_ERR_I", "MAG_ERR_Z"},
                           {"g", "r", "i", "z"},
                           "MAG_G",
                           "MAG_ERR_G"},
                    Survey{"Happy", {"u", "g", "r", "i", "z", "eu", "eg", "er", "ei", "ez"}, {"u", "g", "r", "i", "z"}, "u", "eu"},
                    Survey{"Sdss",
                           {"psfmag_u", "psfmag_g", "psfmag_r", "psfmagerr_u", "psfmagerr_g", "psfmagerr_r"},
                           {"u", "g", "r"},
                           "psfmag_u",
                           "psfmagerr_u"},
                    Survey{"Plain",
                           {"mag_g", "mag_r", "mag_i", "mag_Y", "mag_err_g", "mag_err_r", "mag_err_i", "mag_err_Y"},
                           {"g", "r", "i", "Y"},
                           "mag_g",
                           "mag_err_g"}),
    [](const auto& survey) { return std::string(survey.param.title); });

/// Columns by pattern, magnitudes of all bands first.
Words family(const char* magnitude, const char* error, const Words& bands) {
  Words names;
  for (const char* pattern : {magnitude, error})
    for (const std::string& band : bands) {
      std::string name = pattern;
      for (std::size_t at; (at = name.find('@')) != std::string::npos;) name.replace(at, 1, band);
      names.push_back(name);
    }
  return names;
}

TEST(ResolveBands, TakesMagnitudesAndErrorsWhoseNamesBelongTogether) {
  const Words lower = {"g", "r", "i", "z"}, capitals = {"G", "R", "I", "Z"};
  const struct {
    const char *magnitude, *error;
    const Words& bands;
  } cases[] = {{"mag_@", "magerr_@", lower},
               {"mag_@", "mag_err_@", lower},
               {"@_mag", "@_magerr", lower},
               {"mag_@", "err_@", lower},
               {"mag_@", "mag_@_err", lower},
               {"@", "@_err", lower},
               {"@mag", "e_@mag", lower},
               {"MAG_AUTO_@", "MAGERR_AUTO_@", capitals},
               {"@_cmodel_mag", "@_cmodel_magerr", lower},
               {"modelMag_@", "modelMagErr_@", lower},
               {"@MeanPSFMag", "@MeanPSFMagErr", lower},
               {"@_psf", "e_@_psf", lower},
               {"MAG_GAAP_@", "MAGERR_GAAP_@", lower},
               {"cModelMag_@", "cModelMagErr_@", lower},
               {"WAVG_MAG_PSF_@", "WAVG_MAGERR_PSF_@", capitals},
               {"SOF_CM_MAG_@", "SOF_CM_MAG_ERR_@", capitals},
               {"mag_@", "sigma_@", lower},
               {"mag_@", "mag_@_error", lower},
               {"@_mag", "@_mag_unc", lower},
               {"m_@", "e_m_@", lower},
               {"mag_@", "e_mag_@", lower},
               {"@_magnitude", "@_magnitude_error", lower},
               {"magnitude_@", "magnitude_error_@", lower},
               {"mag_@_lsst", "mag_@_lsst_err", lower},
               {"@_gaap1p0Mag", "@_gaap1p0MagErr", lower},
               {"@_cModelMag", "@_cModelMagErr", lower},
               {"@_psfMag", "@_psfMagErr", lower}};
  for (const auto& c : cases) {
    BandOptions o;
    const BandColumns found = resolve_bands(o, numbers(family(c.magnitude, c.error, c.bands)), "s");
    const Words all = family(c.magnitude, c.error, c.bands);
    EXPECT_EQ(found.magnitude, Words(all.begin(), all.begin() + 4)) << c.magnitude;
    EXPECT_EQ(found.error, Words(all.begin() + 4, all.end())) << c.magnitude;
    EXPECT_EQ(o.bands, lower) << c.magnitude;
    EXPECT_TRUE(band_remarks(o, numbers(all)).empty()) << c.magnitude;
  }
}

TEST(ResolveBands, KeepsFamiliesApart) {
  Words names = family("mag_auto_@", "magerr_psf_@", {"g", "r", "i"});
  EXPECT_TRUE(contains(error_of<UsageError>([&] {
                         BandOptions o;
                         (void)resolve_bands(o, numbers(names), "s.fits");
                       }),
                       "no known names"));
  for (const std::string& name : family("mag_psf_@", "flux_@", {"g", "r", "i"})) names.push_back(name);
  for (const std::string& name : family("fluxerr_@", "mag_aper_@", {"g", "r", "i"})) names.push_back(name);
  BandOptions o;
  const BandColumns found = resolve_bands(o, numbers(names), "s");
  EXPECT_EQ(found.magnitude, (Words{"mag_psf_g", "mag_psf_r", "mag_psf_i"}));
  EXPECT_EQ(found.error, (Words{"magerr_psf_g", "magerr_psf_r", "magerr_psf_i"}));
}

TEST(ResolveBands, SaysWhatElseCouldHaveBeenTakenAndWhichBandsAreLeftOut) {
  Words names = family("mag_@", "magerr_@", {"g", "r", "i"});
  names.insert(names.begin() + 3, "mag_z");
  for (const std::string& name : family("MAG_AUTO_@", "MAGERR_AUTO_@", {"G", "R", "I"})) names.push_back(name);
  BandOptions o;
  const BandColumns found = resolve_bands(o, numbers(names), "s");
  EXPECT_EQ(o.bands, (Words{"g", "r", "i"}));
  std::string all;
  EXPECT_EQ(found.error.size(), 3U);
  for (const std::string& remark : band_remarks(o, numbers(names))) all += remark + "\n";
  EXPECT_TRUE(contains(all, "with MAGERR_AUTO_{BAND}") || contains(all, "with magerr_{band}")) << all;
  EXPECT_TRUE(o.magnitude != "mag_{band}" || contains(all, "bands z of mag_{band} are left out")) << all;
}

TEST(ResolveBands, FindsPartnersOfBandsThatTheUserNames) {
  BandOptions o;
  o.bands = {"J", "H", "Ks"};
  const BandColumns found = resolve_bands(o, numbers({"Jmag", "Hmag", "Ksmag", "e_Jmag", "e_Hmag", "e_Ksmag"}), "s");
  EXPECT_EQ(found.error, (Words{"e_Jmag", "e_Hmag", "e_Ksmag"}));
}

TEST(ResolveBands, TakesNoTimeForManyColumns) {
  Words names = family("mag_@", "magerr_@", {"g", "r", "i"});
  for (int i = 0; i < 20'000; ++i) names.push_back("aperture_" + std::to_string(i) + (i % 2 ? "_g" : "_r"));
  BandOptions o;
  EXPECT_EQ(resolve_bands(o, numbers(names), "s").error.front(), "magerr_g");
}

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
  const BandColumns found =
      resolve_bands(o, numbers({"mag_g", "mag_r", "mag_i", "mag_err_g", "mag_err_r", "mag_err_i", "sigma_g", "sigma_r", "sigma_i"}), "s");
  EXPECT_EQ(found.error, (Words{"sigma_g", "sigma_r", "sigma_i"}));
}

TEST(BandState, TellsSentinelsFromMagnitudes) {
  const BandOptions o;
  for (const double mag : {-20.0, 0.0, 22.5, 37.3, 37.7, 90.0}) EXPECT_EQ(band_state(mag, o), BandState::observed) << mag;
  for (const double mag : {99.0, 98.95, 90.1, 1e30, double{INFINITY}, 37.5, 37.4521, 37.51, 37.59})
    EXPECT_EQ(band_state(mag, o), BandState::not_detected) << mag;
  for (const double mag : {std::nan(""), -99.0, -99.05, -90.1, -9.999e9, -double{INFINITY}})
    EXPECT_EQ(band_state(mag, o), BandState::not_observed) << mag;
}

TEST(BandState, FollowsTheSentinelsOfTheUser) {
  BandOptions o;
  o.nondetection = {50.0};
  o.missing = {0.0};
  EXPECT_EQ(band_state(37.5, o), BandState::observed);
  EXPECT_EQ(band_state(50.05, o), BandState::not_detected);
  EXPECT_EQ(band_state(0.0, o), BandState::not_observed);
  EXPECT_EQ(band_state(99.0, o), BandState::not_detected);  // beyond 90 in any case
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
