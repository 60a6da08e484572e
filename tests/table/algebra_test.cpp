// Table algebra against rows that are kept as values of C++.
#include "skyfold/table/algebra.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace skyfold {
namespace {

/// A row as a person would write it: id, flag, three fluxes, name.
using Row = std::tuple<std::int64_t, std::uint8_t, std::vector<float>, std::string>;

const Schema schema = {{"id", Type::i8}, {"flag", Type::u1}, {"flux", Type::f4, 3}, {"name", Type::text, 5}};

Table table_of(const std::vector<Row>& rows) {
  Table table(schema, rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& [id, flag, flux, name] = rows[i];
    table[0].values<std::int64_t>()[i] = id;
    table[1].values<std::uint8_t>()[i] = flag;
    for (std::size_t k = 0; k < 3; ++k) table[2].values<float>()[i * 3 + k] = flux[k];
    for (std::size_t k = 0; k < 5; ++k) table[3].values<char>()[i * 5 + k] = k < name.size() ? name[k] : '\0';
  }
  return table;
}

std::vector<Row> rows_of(const Table& table) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const auto flux = table.at("flux").values<float>().subspan(i * 3, 3);
    rows.emplace_back(table.at("id").integer(i), table.at("flag").integer(i), std::vector<float>(flux.begin(), flux.end()),
                      std::string(table.at("name").text(i)));
  }
  return rows;
}

std::vector<Row> random_rows(std::size_t count, std::mt19937_64& random) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = static_cast<float>(random() % 1000);
    rows.emplace_back(static_cast<std::int64_t>(random()), random() % 256, std::vector<float>{number, -number, 0.5f},
                      std::string("abcdefgh").substr(random() % 3, random() % 6));
  }
  return rows;
}

TEST(TableAlgebra, DoesWithTablesWhatVectorsDoWithRows) {
  std::mt19937_64 random(3);
  for (int trial = 0; trial < 200; ++trial) {
    const auto rows = random_rows(random() % 20, random), others = random_rows(random() % 20, random);
    const Table table = table_of(rows), more = table_of(others);
    std::vector<Row> expected = rows;
    expected.insert(expected.end(), others.begin(), others.end());
    Table all = table;
    append(all, more);
    EXPECT_EQ(rows_of(all), expected);
    EXPECT_EQ(rows_of(concatenate(std::vector{table, more})), expected);
    if (rows.empty()) continue;

    const std::size_t begin = random() % rows.size(), end = begin + random() % (rows.size() - begin + 1);
    EXPECT_EQ(rows_of(slice(table, begin, end)),
              std::vector<Row>(rows.begin() + static_cast<std::ptrdiff_t>(begin), rows.begin() + static_cast<std::ptrdiff_t>(end)));

    std::vector<std::size_t> picked(random() % 30);
    std::vector<Row> gathered;
    for (std::size_t& row : picked) gathered.push_back(rows[row = random() % rows.size()]);
    EXPECT_EQ(rows_of(gather(table, picked)), gathered);

    if (others.size() < rows.size()) continue;
    Table overwritten = more;
    const std::size_t at = random() % (others.size() - rows.size() + 1);
    put_rows(table, overwritten, at);
    expected = others;
    std::copy(rows.begin(), rows.end(), expected.begin() + static_cast<std::ptrdiff_t>(at));
    EXPECT_EQ(rows_of(overwritten), expected);
  }
}

TEST(TableAlgebra, MatchesColumnsByName) {
  const Table table = table_of({{7, 1, {1, 2, 3}, "seven"}, {8, 0, {4, 5, 6}, "eight"}});
  Table names({{"name", Type::text, 5}, {"id", Type::i8}}, 2);
  const std::vector<std::size_t> backwards = {1, 0};
  gather_rows(table, backwards, names);
  EXPECT_EQ(names.at("name").text(0), "eight");
  EXPECT_EQ(names.at("id").integer(1), 7);
  Table wider({{"id", Type::i8}, {"ra", Type::f8}}, 2);
  EXPECT_THROW(put_rows(table, wider, 0), std::logic_error);
  Table other({{"id", Type::f8}}, 2);
  EXPECT_THROW(put_rows(table, other, 0), std::logic_error);
}

TEST(TableAlgebra, KeepsWhatIsMissing) {
  Table table(Schema{{"z", Type::f8}}, 2);
  const double payload = std::nan("5");
  table[0].values<double>()[0] = payload;
  table[0].values<double>()[1] = -std::numeric_limits<double>::infinity();
  const std::vector<std::size_t> both = {1, 0};
  const Table copy = gather(table, both);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(copy[0].values<double>()[1]), std::bit_cast<std::uint64_t>(payload));
}

TEST(TableAlgebra, OfNothingIsNothing) {
  EXPECT_EQ(concatenate({}).columns(), 0U);
  const Table empty = slice(table_of({}), 0, 0);
  EXPECT_EQ(empty.rows(), 0U);
  EXPECT_EQ(empty.columns(), 4U);
}

TEST(TableAlgebra, AddsColumns) {
  Table table(Schema{{"id", Type::i8}}, 2), other(Schema{{"z", Type::f8}}, 2);
  other[0].values<double>()[1] = 0.5;
  add_column(table, other[0]);
  EXPECT_EQ(table.at("z").number(1), 0.5);
}

}  // namespace
}  // namespace skyfold
