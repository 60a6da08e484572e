#include "skyfold/kernels/samples/resolve.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

RedshiftMeasurement measured(double z, double z_err, int quality, int year, int survey, std::int64_t row, double mjd = nan) {
  return {z, z_err, quality, year, survey, row, mjd};
}

struct Case {
  const char* what;
  std::vector<RedshiftMeasurement> group;
  std::size_t chosen;
  ChoiceRule rule;
};

/// Each rule decides once against all that come after it, and each of its traps.
const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"one measurement", {measured(0.5, nan, 3, 2010, 0, 0)}, 0, ChoiceRule::only},
      {"quality against year, error, mean and priority",
       {measured(0.9, 0.1, 4, 2001, 2, 9), measured(0.5, 1e-4, 3, 2020, 0, 0), measured(0.5, 1e-4, 3, 2020, 0, 1)},
       0,
       ChoiceRule::quality},
      {"year against error, mean and priority",
       {measured(0.5, 1e-5, 4, 2001, 0, 0), measured(0.5, 1e-5, 4, 2001, 0, 1), measured(0.9, 0.1, 4, 2002, 2, 9)},
       2,
       ChoiceRule::year},
      {"a year of worse quality does not count",
       {measured(0.5, 0.1, 3, 2020, 0, 0), measured(0.5, 0.1, 4, 2001, 1, 0), measured(0.6, 0.1, 4, 2002, 1, 1)},
       2,
       ChoiceRule::year},
      {"error against mean and priority",
       {measured(0.5, 2e-4, 4, 2001, 0, 0), measured(0.5, 2e-4, 4, 2001, 0, 1), measured(0.9, 1e-4, 4, 2001, 2, 9)},
       2,
       ChoiceRule::error},
      {"no error is used when one of those left has none",
       {measured(0.5, 2e-4, 4, 2001, 1, 0), measured(0.5001, nan, 4, 2001, 0, 1), measured(0.9, 1e-4, 4, 2001, 0, 9)},
       1,
       ChoiceRule::mean},
      {"zero, negative and infinite errors are not valid",
       {measured(0.5, 0.0, 4, 2001, 1, 0), measured(0.5001, -1.0, 4, 2001, 0, 1),
        measured(0.9, std::numeric_limits<double>::infinity(), 4, 2001, 0, 9)},
       1,
       ChoiceRule::mean},
      {"an error that is missing among those that are out does not matter",
       {measured(0.5, 2e-4, 4, 2001, 0, 0), measured(0.9, 1e-4, 4, 2001, 1, 1), measured(0.5, nan, 3, 2001, 0, 2)},
       1,
       ChoiceRule::error},
      {"mean against priority",
       {measured(0.1, nan, 4, 2001, 0, 0), measured(0.3, nan, 4, 2001, 2, 9), measured(0.6, nan, 4, 2001, 0, 1)},
       1,
       ChoiceRule::mean},
      {"the mean is that of the whole group, not of those left",  // mean 0.55; of those left 0.2
       {measured(0.1, nan, 4, 2001, 0, 0), measured(0.3, nan, 4, 2001, 1, 0), measured(0.9, nan, 3, 2001, 0, 1),
        measured(0.9, nan, 3, 2001, 0, 2)},
       1,
       ChoiceRule::mean},
      {"the later date against a smaller error",
       {measured(0.1, 1e-5, 4, 2001, 0, 0, 52000.0), measured(0.3, 0.1, 4, 2001, 0, 1, 52000.5)},
       1,
       ChoiceRule::date},
      {"the year of the survey against a later date",
       {measured(0.1, nan, 4, 2001, 0, 0, 52000.0), measured(0.3, nan, 4, 2002, 0, 1, 51000.0)},
       1,
       ChoiceRule::year},
      {"dates that not all have do not count",
       {measured(0.1, 1e-5, 4, 2001, 0, 0), measured(0.3, 0.1, 4, 2001, 0, 1, 52000.5)},
       0,
       ChoiceRule::error},
      {"equal errors go on to the mean",
       {measured(0.1, 1e-4, 4, 2001, 0, 0), measured(0.3, 1e-4, 4, 2001, 2, 9), measured(0.6, 1e-4, 4, 2001, 0, 1)},
       1,
       ChoiceRule::mean},
      {"two are equally far from their mean: survey",
       {measured(0.1, nan, 4, 2001, 1, 0), measured(0.7, nan, 4, 2001, 0, 5)},
       1,
       ChoiceRule::priority},
      {"two of one survey: row",
       {measured(0.30000000000000004, nan, 4, 2001, 1, 7), measured(0.1, nan, 4, 2001, 1, 6)},
       1,
       ChoiceRule::priority},
      {"the survey goes before the row", {measured(0.5, nan, 4, 2001, 2, 0), measured(0.5, nan, 4, 2001, 1, 100)}, 1, ChoiceRule::priority},
  };
  return all;
}

TEST(Resolver, ChoosesByEachRuleOfTheChain) {
  Resolver resolver;
  for (const Case& c : cases()) {
    const Choice choice = resolver.best(c.group);
    EXPECT_EQ(choice.measurement, c.chosen) << c.what;
    EXPECT_EQ(choice.rule, c.rule) << c.what;
  }
}

TEST(Resolver, ChoosesTheSameWhateverTheOrderOfTheGroup) {
  Resolver resolver;
  for (const Case& c : cases()) {
    std::vector<std::size_t> order(c.group.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    do {
      std::vector<RedshiftMeasurement> group;
      for (const std::size_t i : order) group.push_back(c.group[i]);
      const Choice choice = resolver.best(group);
      EXPECT_EQ(order[choice.measurement], c.chosen) << c.what;
      EXPECT_EQ(choice.rule, c.rule) << c.what;
      EXPECT_EQ(resolver.average(group).z, resolver.average(c.group).z) << c.what;
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST(Resolver, AveragesRedshiftsAndCombinesErrors) {
  Resolver resolver;
  const std::vector<RedshiftMeasurement> valid = {measured(0.5, 0.03, 4, 1, 0, 0), measured(0.7, 0.04, 3, 1, 0, 1)};
  EXPECT_DOUBLE_EQ(resolver.average(valid).z, 0.6);
  EXPECT_DOUBLE_EQ(resolver.average(valid).z_err, 0.025);  // sqrt(0.03^2 + 0.04^2) / 2
  const std::vector<RedshiftMeasurement> lacking = {measured(0.5, 0.03, 4, 1, 0, 0), measured(0.7, nan, 3, 1, 0, 1)};
  EXPECT_DOUBLE_EQ(resolver.average(lacking).z, 0.6);
  EXPECT_TRUE(std::isnan(resolver.average(lacking).z_err));
}

TEST(Resolver, MeasuresTheLargestDifferenceInAGroup) {
  const std::vector<RedshiftMeasurement> group = {measured(0.5, nan, 4, 1, 0, 0), measured(0.2, nan, 4, 1, 0, 1),
                                                  measured(0.8, nan, 4, 1, 0, 2)};
  EXPECT_DOUBLE_EQ(Resolver::discrepancy(group), 0.6 / 1.2);
  EXPECT_EQ(Resolver::discrepancy({group.data(), 1}), 0.0);
}

TEST(Resolver, NamesItsRules) {
  for (std::size_t rule = 0; rule < choice_rules; ++rule) EXPECT_FALSE(name_of(static_cast<ChoiceRule>(rule)).empty());
}

}  // namespace
}  // namespace skyfold
