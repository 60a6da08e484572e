#include "skyfold/io/coordinates.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "source_files.hpp"

namespace skyfold {
namespace {

using namespace source_tests;

TEST(AngleUnits, AreKnownInTheirUsualSpellings) {
  for (const char* unit : {"", "deg", "DEGREE", "degrees", " deg ", "[deg]", "deg.", "Deg (ICRS)", "degrees, J2000", "\xc2\xb0", "---"})
    EXPECT_EQ(degrees_per(unit), 1.0) << unit;
  for (const char* unit : {"rad", "Radian", "radians", "(rad)"}) EXPECT_EQ(degrees_per(unit), 180.0 / std::numbers::pi) << unit;
  for (const char* unit : {"h", "hr", "HOUR", "hours", "hourangle"}) EXPECT_EQ(degrees_per(unit), 15.0) << unit;
  EXPECT_DOUBLE_EQ(degrees_per("arcmin").value(), 1.0 / 60.0);
  EXPECT_DOUBLE_EQ(degrees_per("arcsec").value(), 1.0 / 3600.0);
  EXPECT_DOUBLE_EQ(degrees_per("mas").value(), 1.0 / 3600e3);
}

TEST(AngleUnits, OfOtherQuantitiesAreNotKnown) {
  for (const char* unit : {"D.M.S", "h:m:s", "deg/yr", "deg2", "deg^2", "10+3deg", "pix", "s", "mag", "d", "m", "degC", "1/deg", "deg h"})
    EXPECT_FALSE(degrees_per(unit)) << unit;
}

TEST(InDegrees, ConvertsTheNamedColumnsAlone) {
  const testing_support::Folder folder;
  const std::string path = folder.file(
      "a.ecsv",
      "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: ra, unit: h, datatype: float32}\n# - {name: dec, unit: deg, datatype: float64}\n"
      "# - {name: pm, unit: rad, datatype: float64}\nra dec pm\n1 2 3\n\"\" 5 6\n");
  const auto source = in_degrees(open_source(path, {}), "ra", "dec", {});
  const Table table = read_all(*source);
  EXPECT_EQ(table.at("ra").number(0), 15.0);
  EXPECT_TRUE(std::isnan(table.at("ra").number(1)));
  EXPECT_EQ(table.at("dec").number(1), 5.0);
  EXPECT_EQ(table.at("pm").number(1), 6.0);
  EXPECT_EQ(table.at("ra").info().unit, "deg");
  EXPECT_EQ(table.at("pm").info().unit, "rad");
}

}  // namespace
}  // namespace skyfold
