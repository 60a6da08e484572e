#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../random_conditions.hpp"
#include "../sizes.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/table/expression.hpp"

/// Whatever a condition gives in some rows must be what its ranges allow.
namespace skyfold {
namespace {

using testing_support::ConditionWriter;
using testing_support::sized;

constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
const Schema schema = {{"x", Type::f8},
                       {"mag", Type::f4},
                       {.name = "big", .type = Type::i8},
                       {.name = "part", .type = Type::i8, .null = 99},
                       {.name = "n", .type = Type::i4, .null = -1},
                       {"word", Type::text, 1}};

/// A few rows whose values are near each other in some columns and far in others.
Table random_rows(std::mt19937_64& random) {
  const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n)); };
  constexpr std::int64_t wholes[] = {0,
                                     1LL << 53,
                                     1237648720693755918,
                                     std::numeric_limits<std::int64_t>::max() - 2,
                                     -(1LL << 53),
                                     std::numeric_limits<std::int64_t>::min() + 2,
                                     20,
                                     99};
  constexpr double reals[] = {0.0, -0.0, 1.5, 20.0, -7.25, 1e300, 9007199254740992.0, infinity, -infinity};
  Table table(schema, static_cast<std::size_t>(1 + below(6)));
  const std::int64_t big = wholes[below(8)], part = wholes[below(8)], n = below(50) - 10;
  const double x = reals[below(9)], mag = reals[below(7)];
  const bool is_spread = below(2), has_missing = below(2);
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const auto near = [&](std::int64_t value) { return is_spread ? value + (below(5) - 2) : value; };
    table[0].values<double>()[i] = has_missing && below(3) == 0 ? nan : is_spread ? x + static_cast<double>(below(100)) * 0.125 : x;
    table[1].values<float>()[i] = static_cast<float>(has_missing && below(3) == 0 ? nan
                                                     : is_spread                  ? mag + static_cast<double>(below(30))
                                                                                  : mag);
    table[2].values<std::int64_t>()[i] = near(big);
    table[3].values<std::int64_t>()[i] = has_missing && below(3) == 0 ? 99 : near(part);
    table[4].values<std::int32_t>()[i] = static_cast<std::int32_t>(has_missing && below(3) == 0 ? -1 : near(n));
    table[5].values<char>()[i] = "ab"[below(2)];
  }
  return table;
}

template <class T>
ColumnRange range_of(const Column& column) {
  ColumnRange range{.is_whole = std::is_integral_v<T>, .may_have_values = false, .may_be_missing = false};
  for (std::size_t i = 0; i < column.values<T>().size(); ++i) {
    const T value = column.values<T>()[i];
    const bool is_missing = std::is_integral_v<T> ? column.info().null == static_cast<std::int64_t>(value) : value != value;
    range.may_be_missing |= is_missing;
    if (is_missing) continue;
    const bool is_first = !range.may_have_values;
    range.may_have_values = range.is_known = true;
    range.min = is_first ? static_cast<double>(value) : std::min(range.min, static_cast<double>(value));
    range.max = is_first ? static_cast<double>(value) : std::max(range.max, static_cast<double>(value));
    if constexpr (std::is_integral_v<T>) {
      range.whole_min = is_first ? value : std::min<std::int64_t>(range.whole_min, value);
      range.whole_max = is_first ? value : std::max<std::int64_t>(range.whole_max, value);
    }
  }
  return range;
}

ColumnRange range_of(const Column& column) {
  switch (column.info().type) {
    case Type::f4:
      return range_of<float>(column);
    case Type::f8:
      return range_of<double>(column);
    case Type::i4:
      return range_of<std::int32_t>(column);
    case Type::i8:
      return range_of<std::int64_t>(column);
    default:
      return {};
  }
}

std::vector<ColumnRange> ranges_of(const Condition& condition, const Table& table) {
  std::vector<ColumnRange> ranges;
  for (const std::string& name : condition.columns()) ranges.push_back(range_of(table.at(name)));
  return ranges;
}

TEST(ConditionRanges, HoldWhatRowsGiveForRandomConditions) {
  std::mt19937_64 random(20261126);
  ConditionWriter writer(random);
  std::size_t certain = 0, thrown = 0;
  for (int i = 0; i < sized(60'000, 10'000); ++i) {
    const Table table = random_rows(random);
    const std::string text = writer.truth(2);
    const Condition condition(text, schema, "a test");
    const PossibleTruth possible = condition.possible(ranges_of(condition, table));
    ASSERT_TRUE(possible.may_hold || possible.may_fail) << text;
    std::vector<std::uint8_t> holds(table.rows());
    try {
      condition.evaluate(table, holds);
    } catch (const DataError&) {  // numbers beyond 128 bits: such rows must be read, so that this is said
      ++thrown;
      ASSERT_EQ(possible, PossibleTruth()) << text;
      continue;
    }
    ASSERT_TRUE(possible.may_hold || std::ranges::count(holds, 1) == 0)
        << text << ", row " << (std::ranges::find(holds, 1) - holds.begin());
    ASSERT_TRUE(possible.may_fail || std::ranges::count(holds, 0) == 0)
        << text << ", row " << (std::ranges::find(holds, 0) - holds.begin());
    certain += !(possible.may_hold && possible.may_fail);
  }
  EXPECT_GT(certain, sized(20'000u, 3'000u));
  EXPECT_GT(thrown, sized(20u, 2u));
}

TEST(ConditionRanges, AreSharpWhereUsersCut) {
  const Schema columns = {{"mag", Type::f4}, {"id", Type::i8}, {"flag", Type::i4}};
  const auto of = [&](const std::string& text) {
    const Condition condition(text, columns, "a test");
    std::vector<ColumnRange> ranges;
    for (const std::string& name : condition.columns()) {
      ColumnRange range{.is_known = true, .is_whole = name != "mag", .may_be_missing = name == "flag"};
      if (name == "mag") range.min = 20.0, range.max = 22.0;
      if (name == "id") range.whole_min = 9007199254740993, range.whole_max = 9007199254740995;
      if (name == "flag") range.whole_min = range.whole_max = 4;
      ranges.push_back(range);
    }
    return condition.possible(ranges);
  };
  const PossibleTruth never{false, true}, always{true, false}, both{true, true};
  EXPECT_EQ(of("mag < 20"), never);
  EXPECT_EQ(of("mag <= 20"), both);
  EXPECT_EQ(of("mag <= 22"), always);
  EXPECT_EQ(of("mag < 21"), both);
  EXPECT_EQ(of("21 > mag and mag > 22"), never);
  EXPECT_EQ(of("mag > 23 or mag >= 20"), always);
  EXPECT_EQ(of("not (mag > 25)"), always);
  EXPECT_EQ(of("mag - 5 > 18"), never);
  EXPECT_EQ(of("id == 9007199254740992"), never);  // the same double as the smallest one
  EXPECT_EQ(of("id > 9007199254740992"), always);
  EXPECT_EQ(of("id in (9007199254740992, 9007199254740996)"), never);
  EXPECT_EQ(of("flag & 3"), both);   // nothing is known of single bits
  EXPECT_EQ(of("flag == 4"), both);  // a missing one is not equal
  EXPECT_EQ(of("flag < 4"), never);
  EXPECT_EQ(of("missing(flag)"), both);
  EXPECT_EQ(of("missing(mag)"), never);
}

}  // namespace
}  // namespace skyfold
