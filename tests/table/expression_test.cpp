#include "skyfold/table/expression.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "skyfold/core/error.hpp"
#include "skyfold/table/number_expression.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void put_text(Column& column, std::size_t row, std::string_view text) {
  const std::size_t width = column.info().width;
  std::memset(column.values<char>().data() + row * width, 0, width);
  std::memcpy(column.values<char>().data() + row * width, text.data(), text.size());
}

/// Four rows of all types.
Table sample() {
  ColumnInfo flag{"flag", Type::i4};
  flag.null = -1;
  Table table({{"x", Type::f8},
               {"mag", Type::f4},
               flag,
               {"big", Type::i8},
               {"ok", Type::u1},
               {"class", Type::text, 8},
               {"my column", Type::f8},
               {"flux", Type::f4, 2}},
              4);
  const double x[] = {-1.5, 0.0, 2.0, nan};
  const float mag[] = {18.0F, 20.5F, 22.0F, 25.0F};
  const std::int32_t flags[] = {0, 3, 4, -1};
  const std::int64_t big[] = {1, std::int64_t{1} << 62, 3, 4};
  const std::uint8_t ok[] = {1, 0, 1, 1};
  const char* classes[] = {"GALAXY", "STAR", "QSO", ""};
  for (std::size_t i = 0; i < 4; ++i) {
    table[0].values<double>()[i] = x[i];
    table[1].values<float>()[i] = mag[i];
    table[2].values<std::int32_t>()[i] = flags[i];
    table[3].values<std::int64_t>()[i] = big[i];
    table[4].values<std::uint8_t>()[i] = ok[i];
    put_text(table[5], i, classes[i]);
    table[6].values<double>()[i] = static_cast<double>(i);
    table[7].values<float>()[2 * i] = 10.0F * static_cast<float>(i);
    table[7].values<float>()[2 * i + 1] = 1.0F;
  }
  return table;
}

std::string rows_of(const std::string& text) {
  const Table table = sample();
  const Condition condition(text, table.schema(), "--cuts");
  std::vector<std::uint8_t> holds(table.rows());
  condition.evaluate(table, holds);
  std::string rows;
  for (std::size_t i = 0; i < holds.size(); ++i)
    if (holds[i]) rows += std::to_string(i);
  return rows;
}

std::string message_of(const std::string& text) {
  try {
    (void)Condition(text, sample().schema(), "--cuts");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "none";
}

TEST(Condition, ComparesColumnsWithNumbersAndWithEachOther) {
  EXPECT_EQ(rows_of("mag < 20.5"), "0");
  EXPECT_EQ(rows_of("mag <= 20.5"), "01");
  EXPECT_EQ(rows_of("mag > 22"), "3");
  EXPECT_EQ(rows_of("mag >= 2.2e1"), "23");
  EXPECT_EQ(rows_of("flag == 3"), "1");
  EXPECT_EQ(rows_of("flag = 3"), "1");
  EXPECT_EQ(rows_of("ok != 0"), "023");
  EXPECT_EQ(rows_of("x < flag"), "012");
  EXPECT_EQ(rows_of("`my column` >= 2"), "23");
  EXPECT_EQ(rows_of("flux[0] > 15 and flux[1] == 1"), "23");
}

TEST(Condition, DoesNotHoldForMissingNumbers) {
  for (const char* text : {"x < 100", "x > -100", "x == x", "x != 5", "x <= x"}) EXPECT_EQ(rows_of(text), "012") << text;
  EXPECT_EQ(rows_of("flag > -10"), "012");
  EXPECT_EQ(rows_of("missing(x)"), "3");
  EXPECT_EQ(rows_of("missing(flag)"), "3");
  EXPECT_EQ(rows_of("missing(class)"), "3");
  EXPECT_EQ(rows_of("not missing(x) and not (x > 0)"), "01");
}

TEST(Condition, BindsNotBeforeAndBeforeOr) {
  EXPECT_EQ(rows_of("mag < 19 or mag > 21 and x > 0"), "02");
  EXPECT_EQ(rows_of("(mag < 19 or mag > 21) and x > 0"), "2");
  EXPECT_EQ(rows_of("not mag < 19 and not mag > 24"), "12");
  EXPECT_EQ(rows_of("NOT (mag < 19 OR mag > 24)"), "12");
  EXPECT_EQ(rows_of("!(mag < 19) && (mag < 21 || mag > 24)"), "13");
  EXPECT_EQ(rows_of("not not mag < 19"), "0");
}

TEST(Condition, Calculates) {
  EXPECT_EQ(rows_of("mag - 2 * x > 20"), "01");  // 21, 20.5, 18, missing
  EXPECT_EQ(rows_of("(mag - 2) / 4 == 5"), "2");
  EXPECT_EQ(rows_of("abs(x) < 1.6"), "01");
  EXPECT_EQ(rows_of("-x > 1"), "0");
  EXPECT_EQ(rows_of("mag - 10 - 5 < 4"), "0");
  EXPECT_EQ(rows_of("1 / x > 1e9"), "1");
}

TEST(Condition, LooksUpListsTextsAndBits) {
  EXPECT_EQ(rows_of("flag in (0, 4, -7)"), "02");
  EXPECT_EQ(rows_of("x in (-1.5)"), "0");
  EXPECT_EQ(rows_of("class == 'STAR'"), "1");
  EXPECT_EQ(rows_of("class != \"STAR\""), "023");
  EXPECT_EQ(rows_of("class in ('STAR', 'QSO')"), "12");
  EXPECT_EQ(rows_of("not class in ('STAR', 'QSO')"), "03");
  EXPECT_EQ(rows_of("flag & 2 != 0"), "1");
  EXPECT_EQ(rows_of("flag & 6 == 0"), "0");
  EXPECT_EQ(rows_of("big & 4611686018427387904 > 0"), "1");
}

TEST(Condition, TestsBitsAsPythonDoes) {
  EXPECT_EQ(rows_of("flag & 1"), "1");
  EXPECT_EQ(rows_of("not (flag & 4)"), "013");  // missing: no bit test holds
  EXPECT_EQ(rows_of("not flag & 4"), "013");
  EXPECT_EQ(rows_of("not (flag & 4) and not missing(flag)"), "01");
  EXPECT_EQ(rows_of("flag & 4 == 0"), "01");
  EXPECT_EQ(rows_of("(flag | 1) == 5"), "2");
  EXPECT_EQ(rows_of("flag ^ 3"), "02");
  EXPECT_EQ(rows_of("~flag & 3 == 3"), "02");
  EXPECT_EQ(rows_of("flag & 1 << 2"), "2");
  EXPECT_EQ(rows_of("flag >> 1 == 1"), "1");
  EXPECT_EQ(rows_of("flag & 0x3"), "1");
  EXPECT_EQ(rows_of("flag & 1 or ok & 1 and big > 3"), "13");
  EXPECT_EQ(rows_of("missing(flag & 1)"), "3");
  EXPECT_EQ(rows_of("(mag < 19) | (mag > 24)"), "03");
  EXPECT_EQ(rows_of("(mag < 21) & ~(mag < 19)"), "1");
  EXPECT_EQ(rows_of("(mag < 21) ^ (x == 0)"), "0");
}

TEST(Condition, ComparesWholeNumbersExactly) {
  const std::int64_t id = 1237648720693755918;
  Table table({{"id", Type::i8}, {"x", Type::f8}}, 5);
  for (std::size_t i = 0; i < 5; ++i) {
    table[0].values<std::int64_t>()[i] = id - 2 + static_cast<std::int64_t>(i);
    table[1].values<double>()[i] = 1237648720693755904.0;  // the nearest double of them all
  }
  const auto rows = [&](const std::string& text) {
    std::vector<std::uint8_t> holds(5);
    Condition(text, table.schema(), "").evaluate(table, holds);
    std::string found;
    for (std::size_t i = 0; i < 5; ++i)
      if (holds[i]) found += std::to_string(i);
    return found;
  };
  EXPECT_EQ(rows("id == 1237648720693755918"), "2");
  EXPECT_EQ(rows("1237648720693755918 < id"), "34");
  EXPECT_EQ(rows("not (id in (1237648720693755918, 1237648720693755917.0))"), "034");
  EXPECT_EQ(rows("id < 1237648720693755918.5"), "012");
  EXPECT_EQ(rows("id >= 1237648720693755917.99999999999999999999"), "234");
  EXPECT_EQ(rows("id == 1237648720693755918.5"), "");
  EXPECT_EQ(rows("id != 1237648720693755918.5"), "01234");
  EXPECT_EQ(rows("id == 1.237648720693755918e18"), "2");
  EXPECT_EQ(rows("id > 99999999999999999999999999999999999999999999"), "");
  EXPECT_EQ(rows("id > -99999999999999999999999999999999999999999999.5"), "01234");
  EXPECT_EQ(rows("id - 1237648720693755916 == 2"), "2");
  EXPECT_EQ(rows("id * 4 > 4950594882775023672"), "34");
  EXPECT_EQ(rows("-id == -1237648720693755918"), "2");
  EXPECT_EQ(rows("id == x"), "");
  EXPECT_EQ(rows("id > x"), "01234");
  EXPECT_EQ(rows("x == 1237648720693755904"), "01234");
  EXPECT_EQ(rows("x == 1237648720693755905"), "");
  EXPECT_EQ(rows("id * 1.0 == x"), "01234");  // in doubles, on purpose
  EXPECT_THROW((void)rows("id * id * id > 0"), DataError);
}

TEST(Condition, KnowsOtherNamesOfColumns) {
  const Table table = sample();
  const Condition condition("r < 20 and x < 1", table.schema(), "--where", {{"r", "mag"}, {"x", "my column"}});
  EXPECT_EQ(condition.columns(), (std::vector<std::string>{"mag", "x"}));  // a column comes before an alias
}

TEST(Condition, NamesTheColumnsThatItReadsOnce) {
  const Condition condition("x > 1 and mag < 20 and (x < 3 or class == 'STAR')", sample().schema(), "--cuts");
  EXPECT_EQ(condition.columns(), (std::vector<std::string>{"x", "mag", "class"}));
  EXPECT_EQ(condition.text(), "x > 1 and mag < 20 and (x < 3 or class == 'STAR')");
}

TEST(Condition, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> cases[] = {{"", "empty condition"},
                                                       {"mag", "a condition is needed"},
                                                       {"mag <", "a column or number is needed, not 'the end'"},
                                                       {"magg < 3", "no column 'magg', did you mean 'mag'?"},
                                                       {"mag < 20 20", "'20' was not expected"},
                                                       {"(mag < 20", "')' is missing before 'the end'"},
                                                       {"mag < 20 and", "a column or number is needed"},
                                                       {"1 < mag < 20", "cannot be chained"},
                                                       {"class < 'STAR'", "compared by == and != only"},
                                                       {"class == STAR", "a text in quotes is needed"},
                                                       {"class > 3", "a text in quotes is needed"},
                                                       {"mag == 'x'", "only a column of text"},
                                                       {"class in (1)", "values of another kind"},
                                                       {"flag in ('a')", "values of another kind"},
                                                       {"x & 1 == 0", "no column of whole numbers"},
                                                       {"flag & 1.5 == 0", "a whole number is needed"},
                                                       {"flux > 1", "has 2 elements"},
                                                       {"flux[2] > 1", "elements 0 to 1"},
                                                       {"sqrt(x) > 1", "no function"},
                                                       {"mag < 20 # x", "'#' has no meaning"},
                                                       {"class == 'STAR", "no closing '"},
                                                       {"3x > 1", "'3x' is not a number"},
                                                       {"not mag", "needs a condition"},
                                                       {"mag + (x > 1) > 3", "a number is needed"},
                                                       {"mag and x > 1", "a condition is needed"},
                                                       {"ok", "such as ok != 0"},
                                                       {"flag + 1", "a condition is needed"},
                                                       {"mag < 20 & x > 1", "& binds more strongly than a comparison"},
                                                       {"(mag < 20) & flag", "a number is needed"},
                                                       {"flag << 64 > 0", "0 to 63"},
                                                       {"flag << ok > 0", "0 to 63"},
                                                       {"0x > 1", "'0x' is not a number"},
                                                       {"my column > 1", "stands in backquotes: `my column`"}};
  for (const auto& [text, expected] : cases) {
    EXPECT_NE(message_of(text).find(expected), std::string::npos) << text << " -> " << message_of(text);
    EXPECT_EQ(message_of(text).rfind("--cuts", 0), 0U) << message_of(text);
  }
  EXPECT_NE(message_of("mag < 20 and magg > 1").find("character 14"), std::string::npos) << message_of("mag < 20 and magg > 1");
  EXPECT_NE(message_of(std::string(5000, '(') + "mag" + std::string(5000, ')')).find("too many parentheses"), std::string::npos);
}

TEST(Condition, HoldsRowByRowInTablesOfAnyLength) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  for (const std::size_t rows : {0U, 1U, 511U, 512U, 513U, 5000U}) {
    Table table({{"a", Type::f8}, {"b", Type::f4}}, rows);
    for (std::size_t i = 0; i < rows; ++i) {
      table[0].values<double>()[i] = uniform(random);
      table[1].values<float>()[i] = static_cast<float>(uniform(random));
    }
    std::vector<std::uint8_t> holds(rows);
    Condition("a + b > 0.25 and not (a < b or abs(a) > 0.75)", table.schema(), "").evaluate(table, holds);
    for (std::size_t i = 0; i < rows; ++i) {
      const double a = table[0].values<double>()[i], b = static_cast<double>(table[1].values<float>()[i]);
      EXPECT_EQ(holds[i] != 0, a + b > 0.25 && !(a < b || std::abs(a) > 0.75)) << i;
    }
  }
}

std::vector<double> numbers_of(const std::string& text) {
  const Table table = sample();
  std::vector<double> values(table.rows());
  NumberExpression(text, table.schema(), "--stat").evaluate(table, 0, values);
  return values;
}

TEST(NumberExpression, CalculatesDoublesOfColumnsOfAnyType) {
  EXPECT_EQ(numbers_of("mag - x").at(0), 19.5);
  EXPECT_EQ(numbers_of("mag - x").at(2), 20.0);
  EXPECT_TRUE(std::isnan(numbers_of("mag - x").at(3)));
  EXPECT_EQ(numbers_of("flag").at(2), 4.0);
  EXPECT_TRUE(std::isnan(numbers_of("flag").at(3)));
  EXPECT_EQ(numbers_of("-(big + 1)").at(2), -4.0);
  EXPECT_EQ(numbers_of("flux[0] / 4").at(1), 2.5);
  EXPECT_EQ(numbers_of("abs(-3)").at(0), 3.0);
  EXPECT_EQ(numbers_of("flag & 4").at(2), 4.0);
}

TEST(NumberExpression, KnowsAColumnThatStandsAlone) {
  const Schema schema = sample().schema();
  EXPECT_EQ(NumberExpression(" mag ", schema, "--stat").plain_column(), "mag");
  EXPECT_EQ(NumberExpression("flux[0]", schema, "--stat").plain_column(), "");
  EXPECT_EQ(NumberExpression("mag + 0", schema, "--stat").plain_column(), "");
}

TEST(NumberExpression, RefusesWhatIsNoNumber) {
  for (const char* text : {"", "class", "mag < 3", "mag -", "nothing", "mag mag"}) EXPECT_THROW(numbers_of(text), UsageError) << text;
}

TEST(Condition, SurvivesAnyText) {
  std::mt19937_64 random(2);
  const std::string parts[] = {"mag", "class", " and ", " or ", "not ", "(", ")", "<",   "==",      "'a'", "3",
                               "-",   "&",     "in",    ",",    "[",    "]", "`", "abs", "missing", " "};
  int good = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::size_t n = random() % 9; n > 0; --n) text += parts[random() % std::size(parts)];
    good += message_of(text) == "none";
  }
  EXPECT_GT(good, 0);
}

}  // namespace
}  // namespace skyfold
