#include "skyfold/sky/angle_text.hpp"

#include <gtest/gtest.h>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

TEST(AngleText, ReadsDecimalAndSexagesimalPositions) {
  EXPECT_DOUBLE_EQ(parse_right_ascension("10.6847", ""), 10.6847);
  EXPECT_DOUBLE_EQ(parse_right_ascension("-0.5", ""), -0.5);
  for (const char* text : {"00:42:44.33", "0 42 44.33", "00h42m44.33s"})
    EXPECT_NEAR(parse_right_ascension(text, ""), 10.684708333333333, 1e-12) << text;
  EXPECT_NEAR(parse_right_ascension("10d41m04.95s", ""), 10.684708333333333, 1e-12);
  for (const char* text : {"+41:16:07.5", "41 16 7.5", "41d16m07.5s", "+41d16'7.5\""})
    EXPECT_NEAR(parse_declination(text, ""), 41.26875, 1e-12) << text;
  EXPECT_NEAR(parse_declination("-00:30:00", ""), -0.5, 1e-15);
}

TEST(AngleText, RefusesSlips) {
  for (const char* text : {"", "x", "12:60:00", "12:-3:00", "12:3.5:00", "1:2:3:4", "nan", "400", "12:30:00 x"})
    EXPECT_THROW((void)parse_right_ascension(text, ""), UsageError) << text;
  for (const char* text : {"91", "-90:00:01", "5h", "inf"}) EXPECT_THROW((void)parse_declination(text, ""), UsageError) << text;
}

TEST(AngleText, ReadsRadiiWithUnits) {
  EXPECT_DOUBLE_EQ(parse_radius("0.2\"", ""), 0.2 / 3600.0);
  EXPECT_DOUBLE_EQ(parse_radius("0.2''", ""), 0.2 / 3600.0);
  EXPECT_DOUBLE_EQ(parse_radius("30 arcsec", ""), 30.0 / 3600.0);
  EXPECT_DOUBLE_EQ(parse_radius("1'", ""), 1.0 / 60.0);
  EXPECT_DOUBLE_EQ(parse_radius("2arcmin", ""), 2.0 / 60.0);
  EXPECT_DOUBLE_EQ(parse_radius("0.5d", ""), 0.5);
  EXPECT_DOUBLE_EQ(parse_radius("200deg", ""), 200.0);
  EXPECT_DOUBLE_EQ(parse_radius("0", ""), 0.0);
  for (const char* text : {"1", "-1d", "x'", "", "nan\"", "inf d", "1 parsec"})
    EXPECT_THROW((void)parse_radius(text, ""), UsageError) << text;
}

}  // namespace
}  // namespace skyfold
