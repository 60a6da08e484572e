#include "skyfold/kernels/samples/translate.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

void put_text(Column& column, std::size_t row, std::string_view text) {
  const std::size_t width = column.info().width;
  std::memset(column.values<char>().data() + row * width, 0, width);
  std::memcpy(column.values<char>().data() + row * width, text.data(), text.size());
}

/// Flags as a number and as a text, and a column for conditions.
Table flags(const std::vector<double>& numbers, const std::vector<std::string>& texts) {
  Table table({{"q", Type::f8}, {"t", Type::text, 8}, {"z_err", Type::f4}}, numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    table[0].values<double>()[i] = numbers[i];
    put_text(table[1], i, texts[i]);
    table[2].values<float>()[i] = 0.001F * static_cast<float>(i);
  }
  return table;
}

std::vector<int> translated(const TranslationRule& rule, const Table& table) {
  std::vector<int> codes(table.rows(), -7);
  Translator(rule, table.schema(), "survey.ini: quality").translate(table, codes);
  return codes;
}

TEST(Translator, LooksUpNumbersAsNumbers) {
  const Table table = flags({4, 3, 6, 2.5, std::numeric_limits<double>::quiet_NaN()}, {"", "", "", "", ""});
  EXPECT_EQ(translated({"q", {{"4", 4}, {"3.0", 3}, {"2.5", 1}, {"6", 0}}, {}, 0}, table), (std::vector<int>{4, 3, 0, 1, 0}));
  EXPECT_EQ(translated({"q", {{"4", 4}}, {}, 2}, table), (std::vector<int>{4, 2, 2, 2, 2}));
}

TEST(Translator, LooksUpTextsWhateverTheirCase) {
  const Table table = flags({0, 0, 0, 0}, {"A", " a ", "B", "AB"});
  EXPECT_EQ(translated({"t", {{"a", 4}, {"B", 3}}, {}, 0}, table), (std::vector<int>{4, 4, 3, 0}));
}

TEST(Translator, TriesConditionsInOrderBeforeTheValues) {
  const Table table = flags({4, 4, 4, 1}, {"", "", "", ""});
  TranslationRule rule{"q", {{"4", 1}}, {{"z_err < 0.0005", 4}, {"z_err < 0.0015", 3}}, 0};
  EXPECT_EQ(translated(rule, table), (std::vector<int>{4, 3, 1, 0}));
  EXPECT_EQ(Translator(rule, table.schema(), "").columns(), (std::vector<std::string>{"z_err", "q"}));
}

TEST(Translator, RefusesWhatDoesNotFitTheColumn) {
  const Table table = flags({1}, {"a"});
  EXPECT_THROW(translated({"q", {{"good", 4}}, {}, 0}, table), UsageError);
  EXPECT_THROW(translated({"absent", {{"4", 4}}, {}, 0}, table), UsageError);
  EXPECT_THROW(translated({"", {}, {{"absent > 1", 4}}, 0}, table), UsageError);
}

TEST(ParseValues, ReadsPairs) {
  using Values = std::vector<std::pair<std::string, int>>;
  EXPECT_EQ(parse_values({"4:4", " 3.5 : 3 ", "a:b:2"}, {}, 0, 4, ""), (Values{{"4", 4}, {"3.5", 3}, {"a:b", 2}}));
  EXPECT_EQ(parse_values({"1:galaxy", "2:QSO"}, {"galaxy", "star", "qso"}, 0, 2, ""), (Values{{"1", 0}, {"2", 2}}));
  EXPECT_THROW((void)parse_values({"4"}, {}, 0, 4, ""), UsageError);
  EXPECT_THROW((void)parse_values({"4:5"}, {}, 0, 4, ""), UsageError);
  EXPECT_THROW((void)parse_values({"4:x"}, {}, 0, 4, ""), UsageError);
  EXPECT_THROW((void)parse_values({"4:4", "4:3"}, {}, 0, 4, ""), UsageError);
  EXPECT_THROW((void)parse_values({"4:planet"}, {"galaxy"}, 0, 4, ""), UsageError);
}

}  // namespace
}  // namespace skyfold
