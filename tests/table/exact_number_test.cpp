#include "skyfold/table/exact_number.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace skyfold {
namespace {

constexpr Wide wide_max = ((Wide{1} << 126) - 1) * 2 + 1;

/// "floor" or "floor+": the number lies above it.
std::string read(const char* text) {
  const auto number = parse_exact(text);
  return number ? digits_of(number->floor) + (number->has_fraction ? "+" : "") : "none";
}

TEST(ExactNumber, KeepsEveryDigit) {
  EXPECT_EQ(read("1237648720693755918"), "1237648720693755918");
  EXPECT_EQ(read("1237648720693755918.5"), "1237648720693755918+");
  EXPECT_EQ(read("-1237648720693755918.5"), "-1237648720693755919+");
  EXPECT_EQ(read("1.237648720693755918e18"), "1237648720693755918");
  EXPECT_EQ(read("1.237648720693755918e17"), "123764872069375591+");
  EXPECT_EQ(read("12376487206937559180e-1"), "1237648720693755918");
  EXPECT_EQ(read("0.0000000000000000001"), "0+");
  EXPECT_EQ(read("-0.5"), "-1+");
  EXPECT_EQ(read("0.50e1"), "5");
  EXPECT_EQ(read("000.000e99"), "0");
  EXPECT_EQ(read("1e30"), "1000000000000000000000000000000");
  EXPECT_EQ(read("5e-300"), "0+");
  EXPECT_EQ(read("+7."), "7");
  EXPECT_EQ(read(".25"), "0+");
  EXPECT_EQ(read("0x1F"), "31");
  EXPECT_EQ(read("-0xffffffffffffffff"), "-18446744073709551615");
}

TEST(ExactNumber, SaysWhatIsNone) {
  for (const char* text : {"", "-", "+-1", "--1", "1e", "abc", "nan", "inf", "1e400", "0x", "0x1g", "1 2", "0x10000000000000000"})
    EXPECT_EQ(read(text), "none") << text;
}

TEST(ExactNumber, PutsHugeNumbersBeyondAll) {
  EXPECT_EQ(read("1e40"), digits_of(wide_max) + "+");
  EXPECT_EQ(read("-1e40"), digits_of(-wide_max - 1) + "+");
  EXPECT_EQ(read("170141183460469231731687303715884105727"), digits_of(wide_max));
  EXPECT_EQ(read("170141183460469231731687303715884105728"), digits_of(wide_max) + "+");
}

TEST(ExactNumber, KnowsDoublesAnd64BitIntegers) {
  EXPECT_TRUE(parse_exact("9007199254740992")->is_double());
  EXPECT_FALSE(parse_exact("9007199254740993")->is_double());
  EXPECT_FALSE(parse_exact("0.5")->is_double());
  EXPECT_EQ(parse_exact("-9223372036854775808")->whole(), std::numeric_limits<std::int64_t>::min());
  EXPECT_FALSE(parse_exact("9223372036854775808")->whole());
  EXPECT_FALSE(parse_exact("1.5")->whole());
  EXPECT_EQ(parse_exact("3.0")->whole(), 3);
}

TEST(ExactNumber, OrdersWholeNumbersAmongDoubles) {
  const Wide big = Wide{1} << 53;
  EXPECT_EQ(order(big + 1, 0x1p53), 1);
  EXPECT_EQ(order(big, 0x1p53), 0);
  EXPECT_EQ(order(big - 1, 0x1p53), -1);
  EXPECT_EQ(order(-3, -2.5), -1);
  EXPECT_EQ(order(-2, -2.5), 1);
  EXPECT_EQ(order(0, -0.0), 0);
  EXPECT_EQ(order(wide_max, 0x1p127), -1);
  EXPECT_EQ(order(-wide_max - 1, -0x1p127), 0);
  EXPECT_EQ(order(wide_max, std::numeric_limits<double>::infinity()), -1);
  EXPECT_EQ(order(0, -std::numeric_limits<double>::infinity()), 1);
}

}  // namespace
}  // namespace skyfold
