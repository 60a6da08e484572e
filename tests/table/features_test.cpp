#include "skyfold/table/features.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "../support.hpp"
#include "skyfold/core/options.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
const std::vector<std::string> bands = {"g", "r", "i", "z"};

/// Rows of magnitudes and errors; a band counts as observed where its magnitude is a number.
Photometry photometry_of(const std::vector<std::vector<double>>& mag, const std::vector<std::vector<double>>& err) {
  Photometry p;
  p.n_objects = mag.size();
  p.n_bands = mag[0].size();
  for (std::size_t i = 0; i < mag.size(); ++i) {
    std::uint32_t observed = 0;
    for (std::size_t b = 0; b < p.n_bands; ++b) {
      p.mag.push_back(mag[i][b]);
      p.mag_err.push_back(err[i][b]);
      observed |= std::uint32_t{!std::isnan(mag[i][b])} << b;
    }
    p.observed.push_back(observed);
  }
  return p;
}

const Photometry sample =
    photometry_of({{22.0, 21.0, 20.5, 20.25}, {23.0, 22.5, 22.0, 21.5}, {24.5, nan, 23.0, 22.0}, {21.0, 20.0, 19.0, 18.5}},
                  {{0.1, 0.2, 0.3, 0.4}, {0.2, 0.2, 0.2, nan}, {0.3, nan, 0.1, 0.1}, {0.05, 0.05, 0.05, 0.05}});

TEST(Features, AreColoursAndAReferenceMagnitudeUnlessToldOtherwise) {
  EXPECT_EQ(FeatureLayer({}, bands).names(), (std::vector<std::string>{"g-r", "r-i", "i-z", "i"}));
  EXPECT_EQ(FeatureLayer({{"reference"}, ""}, {"u", "g", "r"}).names(), (std::vector<std::string>{"r"}));
  EXPECT_EQ(FeatureLayer({{"reference"}, ""}, {"J", "H", "K"}).names(), (std::vector<std::string>{"H"}));
  EXPECT_EQ(FeatureLayer({{"reference"}, "z"}, bands).names(), (std::vector<std::string>{"z"}));
}

TEST(Features, AreNamedOneByOneToo) {
  const FeatureLayer layer({{"i", "g-i", "err_z"}, ""}, bands);
  Features features;
  layer.gather(sample, features);
  EXPECT_EQ(layer.names(), (std::vector<std::string>{"i", "g-i", "err_z"}));
  EXPECT_EQ(features.value[0], 20.5);
  EXPECT_EQ(features.value[1], 1.5);
  EXPECT_EQ(features.value[2], 0.4);
  EXPECT_EQ(layer.bands_of(1), 0b101u);
  EXPECT_TRUE(layer.is_error(2));
}

TEST(Features, OfWideColoursLeaveOneBandOut) {
  EXPECT_EQ(FeatureLayer({{"wide_colours"}, ""}, {"u", "g", "r", "i"}).names(), (std::vector<std::string>{"u-r", "g-i"}));
}

TEST(Features, OccurOnceWhenGroupsShareThem) { EXPECT_EQ(FeatureLayer({{"magnitudes", "reference", "i"}, ""}, bands).names(), bands); }

TEST(Features, AreMissingWhereABandOrAnErrorIs) {
  const FeatureLayer layer({{"colours", "reference", "errors"}, ""}, bands);
  Features features;
  layer.gather(sample, features);
  EXPECT_EQ(features.present[0], 0b11111111u);
  EXPECT_EQ(features.present[1], 0b01111111u);  // no error in z
  EXPECT_EQ(features.present[2], 0b11011100u);  // no r: neither g-r nor r-i nor its error
  EXPECT_TRUE(std::isnan(features.value[2 * 8 + 0]));
  EXPECT_EQ(features.value[2 * 8 + 2], 1.0);
}

TEST(Features, AreMissingWhereABandIsNotObservedWhateverItsMagnitude) {
  Photometry p = sample;
  p.observed[0] = 0b1011;
  Features features;
  FeatureLayer({}, bands).gather(p, features);
  EXPECT_EQ(features.present[0], 0b0001u);
}

TEST(Features, AreStandardisedByTheObjectsThatHaveThem) {
  // numpy: x = [1, .5, 1]; x.mean() = 0.8333333333333334, x.std(ddof=1) = 0.28867513459481287
  FeatureLayer layer({{"g-r", "i"}, ""}, bands);
  layer.standardise_by(sample);
  EXPECT_NEAR(layer.means()[0], 0.8333333333333334, 1e-15);
  EXPECT_NEAR(layer.deviations()[0], 0.28867513459481287, 1e-15);
  // numpy: x = [20.5, 22, 23, 19]; mean 21.125, std(ddof=1) 1.75
  EXPECT_DOUBLE_EQ(layer.means()[1], 21.125);
  EXPECT_DOUBLE_EQ(layer.deviations()[1], 1.75);
  Features features;
  layer.gather(sample, features);
  EXPECT_NEAR(features.value[2 * 2 + 1], (23.0 - 21.125) / 1.75, 1e-14);
}

TEST(Features, ThatDoNotVaryAreNotDividedByZero) {
  Photometry p = sample;
  for (std::size_t i = 0; i < 4; ++i) p.mag[i * 4] = 22.0;
  FeatureLayer layer({{"g"}, ""}, bands);
  layer.standardise_by(p);
  EXPECT_EQ(layer.deviations()[0], 1.0);
  Features features;
  layer.gather(p, features);
  EXPECT_EQ(features.value[0], 0.0);
}

TEST(Features, AreTheSameAfterAWayThroughATable) {
  FeatureLayer layer({{"colours", "errors"}, ""}, bands), other({{"colours", "errors"}, ""}, bands);
  layer.standardise_by(sample);
  other.restore(layer.table());
  Features ours, theirs;
  layer.gather(sample, ours);
  other.gather(sample, theirs);
  for (std::size_t i = 0; i < ours.value.size(); ++i)
    EXPECT_TRUE(ours.value[i] == theirs.value[i] || (std::isnan(ours.value[i]) && std::isnan(theirs.value[i])));
  EXPECT_THROW(FeatureLayer({{"magnitudes"}, ""}, bands).restore(layer.table()), DataError);
}

TEST(Features, AreRefusedWhenNotUnderstood) {
  EXPECT_TRUE(contains(error_of<UsageError>([] { FeatureLayer({{"g-x"}, ""}, bands); }), "'g-x' is not a feature of the bands g,r,i,z"));
  EXPECT_TRUE(contains(error_of<UsageError>([] { FeatureLayer({{"i"}, "u"}, bands); }), "reference band 'u'"));
  EXPECT_TRUE(contains(error_of<UsageError>([] { FeatureLayer({{"colours"}, ""}, {"g"}); }), "no features"));
}

TEST(Features, HaveOptionsInTheSectionOfAnAlgorithm) {
  FeatureOptions o;
  OptionSet option;
  describe(option, o, "knn");
  option.read_command_line({"--knn.features", "magnitudes,errors", "--knn.reference=r"});
  EXPECT_EQ(o.terms, (std::vector<std::string>{"magnitudes", "errors"}));
  EXPECT_EQ(o.reference, "r");
}

}  // namespace
}  // namespace skyfold
