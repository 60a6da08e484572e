// Declared schemas of archives: what a line means, and the line that is wrong.
#include <gtest/gtest.h>

#include "../support.hpp"
#include "curate/schema.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr const char* good =
    "# of a survey\n"
    "[files]\n"
    "extensions = 4\n"
    "ignored = HISTORY, ESO*\n"
    "[multiframe]\n"
    "filter = FILTER, text, , required  # a comment\n"
    "airmass = AMSTART, real, , optional\n"
    "[detector]\n"
    "filter = FILTER, text, , optional\n"
    "is_bad = BAD, truth, , optional\n"
    "[detection]\n"
    "ra = RA, f8, deg, required\n"
    "dec = DEC, f8, deg, required\n"
    "class = Classification, i4, , optional\n";

std::string error_of(const std::string& text) {
  try {
    (void)parse_schema(text, "s.ini");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(CurationSchemaText, LinesBecomeColumns) {
  const CurationSchema schema = parse_schema(good, "s.ini");
  EXPECT_EQ(schema.extensions, 4);
  EXPECT_TRUE(schema.ignores("HISTORY") && schema.ignores("ESO TEL") && !schema.ignores("HISTORYX"));
  ASSERT_EQ(schema.multiframe.size(), 2U);
  EXPECT_EQ(schema.multiframe[1].column, "airmass");
  EXPECT_EQ(schema.multiframe[1].key, "AMSTART");
  EXPECT_TRUE(schema.multiframe[0].is_required && !schema.multiframe[1].is_required);
  EXPECT_STREQ(sql_type(schema.multiframe[1].kind), "DOUBLE PRECISION");
  ASSERT_EQ(schema.detector.size(), 2U);
  EXPECT_EQ(schema.detector[1].kind, DeclaredColumn::Kind::truth);
  ASSERT_EQ(schema.detection.size(), 3U);
  EXPECT_EQ(schema.detection[0].unit, "deg");
  EXPECT_EQ(schema.detection[2].type, Type::i4);
  EXPECT_EQ(schema.text, good);
}

TEST(CurationSchemaText, AWrongLineIsNamed) {
  const std::string text = good;
  const auto with = [&](const std::string& line, const std::string& section) {
    const std::size_t at = text.find("[" + section + "]\n") + section.size() + 3;
    return text.substr(0, at) + line + "\n" + text.substr(at);
  };
  EXPECT_EQ(error_of(with("x = KEY, colour, , optional", "multiframe")), "s.ini, line 6: type 'colour' (integer, real, text, truth)");
  EXPECT_EQ(error_of(with("x = Key, text, , optional", "detection")), "s.ini, line 12: type 'text' (f4, f8, i4, i8)");
  EXPECT_EQ(error_of(with("x = FILTER, text, , optional", "multiframe")), "s.ini, line 7: FILTER is declared twice in [multiframe]");
  EXPECT_EQ(error_of(with("filter = F2, text, , optional", "multiframe")), "s.ini, line 7: column filter is declared twice");
  EXPECT_NE(error_of(with("id = KEY, i8, , optional", "detection")).find("line 12: column id (archives have"), std::string::npos);
  EXPECT_NE(error_of(with("order = KEY, text, , optional", "detector")).find("line 9: column order (a word of SQL"), std::string::npos);
  EXPECT_NE(error_of(with("x; DROP = KEY, text, , optional", "detector")).find("line 9: column 'x; DROP'"), std::string::npos);
  EXPECT_NE(error_of(with("x = KEY, text, optional", "detector")).find("line 9: x needs four parts"), std::string::npos);
  EXPECT_NE(error_of(with("x = KEY, text, , maybe", "detector")).find("line 9: 'maybe'"), std::string::npos);
  EXPECT_NE(error_of(with("extensions = -1", "files")).find("line 3: extensions = -1"), std::string::npos);
  EXPECT_NE(error_of(with("[detections]", "files")).find("line 3: no section [detections]"), std::string::npos);
  EXPECT_NE(error_of("filter = FILTER, text, , required\n").find("line 1: stands before"), std::string::npos);
  EXPECT_NE(error_of("").find("declares no columns"), std::string::npos);
  EXPECT_NE(error_of("[multiframe]\na = A, text, , required\n[detection]\nra = RA, f8, deg, required\n").find("no column dec"),
            std::string::npos);
}

}  // namespace
}  // namespace skyfold
