#include "skyfold/table/table.hpp"

#include "skyfold/table/column_index.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace skyfold {
namespace {

void put_text(Column& column, std::size_t row, std::string_view text) {
  const std::size_t width = column.info().width;
  std::memset(column.values<char>().data() + row * width, 0, width);
  std::memcpy(column.values<char>().data() + row * width, text.data(), text.size());
}

TEST(Types, HaveTheSizesAndNamesOfTheirElements) {
  const std::pair<Type, std::size_t> sizes[] = {{Type::f4, 4}, {Type::f8, 8}, {Type::i4, 4}, {Type::i8, 8}, {Type::u1, 1}, {Type::text, 1}};
  for (const auto& [type, size] : sizes) EXPECT_EQ(size_of(type), size) << name_of(type);
  EXPECT_EQ(name_of(Type::f4), "f4");
  EXPECT_EQ(name_of(Type::text), "text");
}

TEST(Schema, AddsUpTheBytesOfARowAndFindsExactNames) {
  const Schema schema = {{"id", Type::i8}, {"name", Type::text, 12}, {"pdf", Type::f4, 30}, {"flag", Type::u1}};
  EXPECT_EQ(bytes_per_row(schema), 8U + 12 + 120 + 1);
  EXPECT_EQ(find_column(schema, "pdf"), 2U);
  EXPECT_FALSE(find_column(schema, "PDF"));
}

TEST(Column, IsAlignedForVectorRegisters) {
  Table table({{"a", Type::u1}, {"b", Type::f8}}, 1001);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(table[i].bytes().data()) % 64, 0U);
}

TEST(Column, GivesEachElementAsANumber) {
  Table table({{"f4", Type::f4}, {"f8", Type::f8}, {"i4", Type::i4}, {"i8", Type::i8}, {"u1", Type::u1}}, 1);
  table[0].values<float>()[0] = 1.5F;
  table[1].values<double>()[0] = -2.75;
  table[2].values<std::int32_t>()[0] = std::numeric_limits<std::int32_t>::min();
  table[3].values<std::int64_t>()[0] = std::numeric_limits<std::int64_t>::max();
  table[4].values<std::uint8_t>()[0] = 255;
  EXPECT_EQ(table[0].number(0), 1.5);
  EXPECT_EQ(table[1].number(0), -2.75);
  EXPECT_EQ(table[2].number(0), -2147483648.0);
  EXPECT_EQ(table[3].integer(0), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(table[4].number(0), 255.0);
  EXPECT_EQ(table[0].integer(0), 1);
  EXPECT_EQ(table[1].integer(0), -2);  // truncated
}

TEST(Column, FindsTheElementsOfAnArray) {
  Table table({{"pdf", Type::f4, 3}}, 2);
  for (std::size_t i = 0; i < 6; ++i) table[0].values<float>()[i] = static_cast<float>(i);
  EXPECT_EQ(table[0].number(1, 0), 3.0);
  EXPECT_EQ(table[0].number(1, 2), 5.0);
}

TEST(MissingValues, OfIntegersAreNotNumbers) {
  Table table({{"i4", Type::i4}, {"i8", Type::i8}, {"u1", Type::u1}, {"all", Type::i4}}, 1);
  Schema schema = table.schema();
  schema[0].null = -99;
  schema[1].null = std::numeric_limits<std::int64_t>::min();
  schema[2].null = 255;
  Table nullable(schema, 1);
  nullable[0].values<std::int32_t>()[0] = -99;
  nullable[1].values<std::int64_t>()[0] = std::numeric_limits<std::int64_t>::min();
  nullable[2].values<std::uint8_t>()[0] = 255;
  nullable[3].values<std::int32_t>()[0] = -99;
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(std::isnan(nullable[i].number(0))) << i;
  EXPECT_EQ(nullable[3].number(0), -99.0);
}

TEST(MissingValues, OfFloatsAndTextAreNotNumbers) {
  Table table({{"f4", Type::f4}, {"name", Type::text, 3}}, 1);
  table[0].values<float>()[0] = std::nanf("");
  put_text(table[1], 0, "12");
  EXPECT_TRUE(std::isnan(table[0].number(0)));
  EXPECT_TRUE(std::isnan(table[1].number(0)));
  EXPECT_EQ(table[1].integer(0), 0);
}

TEST(Column, TruncatesFloatsThatNoIntegerHoldsToZero) {
  Table table({{"f8", Type::f8}}, 3);
  const auto values = table[0].values<double>();
  values[0] = std::nan("");
  values[1] = INFINITY;
  values[2] = -1e300;
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(table[0].integer(i), 0);
}

TEST(Text, ComesWithoutItsPadding) {
  Table table({{"name", Type::text, 5}}, 5);
  const char* cells[] = {"", "ab", "abcde", "a b  ", " x"};
  for (std::size_t i = 0; i < 5; ++i) put_text(table[0], i, cells[i]);
  const char* expected[] = {"", "ab", "abcde", "a b", " x"};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(table[0].text(i), expected[i]);
}

TEST(Table, KeepsValuesWhenItGrows) {
  Table table({{"x", Type::f8}, {"pdf", Type::f4, 2}}, 2);
  table[0].values<double>()[1] = 7.0;
  table[1].values<float>()[3] = 9.0F;
  table.resize(1000);
  EXPECT_EQ(table.rows(), 1000U);
  EXPECT_EQ(table[0].number(1), 7.0);
  EXPECT_EQ(table[1].number(1, 1), 9.0);
  EXPECT_EQ(table[1].values<float>().size(), 2000U);
}

TEST(Table, KeepsItsMemoryWhenItShrinks) {
  Table table({{"x", Type::f8}}, 1000);
  const std::byte* before = table[0].bytes().data();
  table.resize(10);
  EXPECT_EQ(table[0].bytes().size(), 80U);
  table.resize(1000);
  EXPECT_EQ(table[0].bytes().data(), before);
}

TEST(Table, GivesAddedColumnsItsLength) {
  Table table({{"x", Type::f8}}, 3);
  EXPECT_EQ(table.add({"y", Type::i4}).values<std::int32_t>().size(), 3U);
  EXPECT_EQ(table.columns(), 2U);
  EXPECT_EQ(table.schema()[1].name, "y");
}

TEST(Table, FindsColumnsByNameOrSaysThatThereIsNone) {
  Table table({{"x", Type::f8}}, 1);
  EXPECT_EQ(&table.at("x"), &table[0]);
  EXPECT_EQ(table.find("y"), nullptr);
  EXPECT_THROW((void)table.at("y"), std::logic_error);
  EXPECT_THROW(table.add({"x", Type::i4}), std::logic_error);
}

TEST(ColumnIndex, FindsWhatTheSchemaHas) {
  const Schema schema = {{"a"}, {"b"}, {"a"}};
  ColumnIndex index(schema);
  EXPECT_EQ(index.find("b"), 1U);
  EXPECT_EQ(index.find("a"), 0U) << "the first of two";
  EXPECT_FALSE(index.find("c"));
}

TEST(Table, IsMadeOfAnyNumberOfColumnsOfDifferentNames) {
  Schema schema;
  for (int i = 0; i < 100'000; ++i) schema.push_back({"column" + std::to_string(i), Type::i4});
  EXPECT_EQ(Table(schema, 1).columns(), schema.size());
  schema.push_back(schema[777]);
  EXPECT_THROW(Table(schema, 1), std::logic_error);
}

}  // namespace
}  // namespace skyfold
