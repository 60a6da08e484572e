#include "skyfold/core/text.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "skyfold/core/hash.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

using Words = std::vector<std::string>;

TEST(Split, TrimsPartsAndKeepsEmptyOnes) {
  EXPECT_EQ(split(" g , r,,i ", ','), (Words{"g", "r", "", "i"}));
  EXPECT_EQ(split("g,", ','), (Words{"g", ""}));
  EXPECT_EQ(split(",g", ','), (Words{"", "g"}));
  EXPECT_EQ(split("g", ','), Words{"g"});
}

TEST(Split, OfNoTextHasNoParts) {
  EXPECT_TRUE(split("", ',').empty());
  EXPECT_TRUE(split(" \t", ',').empty());
}

TEST(Join, UndoesSplit) {
  for (const char* text : {"g,r,i", "g,,i", ",g", "g,", ",,"}) EXPECT_EQ(join(split(text, ','), ","), text);
  EXPECT_EQ(join(Words{}, ","), "");
}

TEST(Trim, TakesBlanksOffBothEndsOnly) {
  EXPECT_EQ(trim("\t a b \r\n"), "a b");
  EXPECT_EQ(trim("   "), "");
}

TEST(LowerAndUpper, ChangeLettersOnly) {
  EXPECT_EQ(lower("MAG_i 9"), "mag_i 9");
  EXPECT_EQ(upper("MAG_i 9"), "MAG_I 9");
}

TEST(ParseDouble, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_double("1.5e3"), 1500.0);
  EXPECT_EQ(parse_double("+2"), 2.0);
  EXPECT_EQ(parse_double("-.5"), -0.5);
  EXPECT_EQ(parse_double("inf"), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(parse_double("nan").value_or(0.0)));
  for (const char* wrong : {"", " 1", "1 ", "1,5", "1.5x", "+", "-", "+-1", "++1", "0x10", "1e", "abc"})
    EXPECT_FALSE(parse_double(wrong)) << wrong;
}

TEST(ParseInteger, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_integer("-9223372036854775808"), std::numeric_limits<long long>::min());
  EXPECT_EQ(parse_integer("+7"), 7);
  for (const char* wrong : {"", "1.0", "1e3", "9223372036854775808", "+-3", "7 "}) EXPECT_FALSE(parse_integer(wrong)) << wrong;
}

TEST(Shortest, ReadsBackAsTheSameNumber) {
  ObjectRandom random(1, 1);
  for (int i = 0; i < 20'000; ++i) {
    const auto any = std::bit_cast<double>((std::uint64_t{random.next()} << 32) | random.next());
    if (!std::isnan(any)) {
      ASSERT_EQ(parse_double(shortest(any)), any);
    }
    const auto small = std::bit_cast<float>(random.next());
    if (!std::isnan(small)) {
      ASSERT_EQ(static_cast<float>(parse_double(shortest(small)).value()), small);
    }
  }
}

TEST(Shortest, WritesNoDigitsThatDoNotMatter) {
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_EQ(shortest(0.1F), "0.1");
  EXPECT_EQ(shortest(-99.0), "-99");
}

TEST(NearestName, FindsAMisspellingWhateverItsCase) {
  const Words names = {"partition.nside", "partition.rows", "output"};
  EXPECT_EQ(nearest_name("partition.nsides", names), "partition.nside");
  EXPECT_EQ(nearest_name("OUPUT", names), "output");
}

TEST(NearestName, SuggestsNothingForSomethingElse) {
  EXPECT_EQ(nearest_name("temperature", Words{"partition.nside", "output"}), "");
  EXPECT_EQ(nearest_name("x", Words{}), "");
}

TEST(Grouped, PutsACommaEveryThreeDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(grouped(-123'456), "-123,456");
  EXPECT_EQ(grouped(std::numeric_limits<long long>::min()), "-9,223,372,036,854,775,808");
}

TEST(Hash, DependsOnContentAndSeed) {
  EXPECT_EQ(hash_text("survey"), hash_bytes(std::as_bytes(std::span("survey", 6))));
  EXPECT_NE(hash_text("survey"), hash_text("surveys"));
  EXPECT_NE(hash_text("survey", 1), hash_text("survey", 2));
  EXPECT_EQ(hash_text(""), 0x2d06800538d394c2ULL);  // XXH3_64bits of nothing, by the reference program (xxhsum -H3)
}

TEST(Hex64, HasSixteenDigits) {
  EXPECT_EQ(hex64(0), "0000000000000000");
  EXPECT_EQ(hex64(0xDEADBEEF), "00000000deadbeef");
}

}  // namespace
}  // namespace skyfold
