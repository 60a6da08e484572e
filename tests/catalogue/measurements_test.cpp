#include "skyfold/catalogue/measurements.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "../support.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;

constexpr std::int64_t counts[] = {0, 3, 0, 0, 2, 1, 0};  // measurements of each object

/// A catalogue of seven objects with six measurements, of three filters by number.
std::string measured_catalogue(const Folder& folder) {
  Table objects({{"id", Type::i8}}, 7), meas({{"filter", Type::u1}, {"mjd", Type::f8}}, 6), filters({{"value", Type::text, 5}}, 3);
  Table offsets({{"first_row", Type::i8}}, 8);
  std::iota(objects[0].values<std::int64_t>().begin(), objects[0].values<std::int64_t>().end(), 70);
  std::inclusive_scan(std::begin(counts), std::end(counts), offsets[0].values<std::int64_t>().begin() + 1);
  offsets[0].values<std::int64_t>()[0] = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    meas[0].values<std::uint8_t>()[i] = static_cast<std::uint8_t>(i % 3);
    meas[1].values<double>()[i] = 50000.0 + static_cast<double>(i);
  }
  std::ranges::copy(std::string_view("F275WF475WF814W"), filters[0].values<char>().begin());
  const std::string path = folder.file("m.h5");
  Attributes attributes = attributes_of({"filter", "mjd", "objid", "", "", {"filter"}});
  attributes["skyfold_format"] = "skyfold catalogue";
  write_columns(path, {{"/object", objects}, {meas_group, meas}, {meas_offset_group, offsets}, {meas_dictionary_group("filter"), filters}},
                attributes);
  add_links(path, {{meas_offset_link, std::string(meas_offset_group) + "/first_row"}});
  return path;
}

TEST(Measurements, OfObjectsAreConsecutiveRows) {
  const Folder folder;
  const Measurements m(measured_catalogue(folder));
  EXPECT_EQ(m.objects(), 7);
  EXPECT_EQ(m.rows(), 6);
  std::int64_t row = 0;
  for (std::int64_t object = 0; object < 7; ++object) {
    EXPECT_EQ(m.rows_of({object, object + 1}), (RowRange{row, row + counts[object]}));
    for (std::int64_t end = row + counts[object]; row < end; ++row) EXPECT_EQ(m.object_of(row), object);
  }
  EXPECT_EQ(m.rows_of({1, 5}), (RowRange{0, 5}));
  EXPECT_EQ(m.first_rows({4, 7}), (std::vector<std::int64_t>{3, 5, 6, 6}));
}

TEST(Measurements, ComeWithTextsOrTheirNumbersAndWithTheRowsOfTheirObjects) {
  const Folder folder;
  const Measurements m(measured_catalogue(folder));
  EXPECT_EQ(m.roles().time, "mjd");
  EXPECT_EQ(m.roles().id, "objid");
  EXPECT_EQ(m.schema()[*find_column(m.schema(), "filter")].type, Type::text);
  EXPECT_EQ(m.dictionary("filter"), (std::vector<std::string>{"F275W", "F475W", "F814W"}));
  EXPECT_TRUE(m.dictionary("mjd").empty());
  Table texts({{"filter", Type::text, 5}, {"mjd", Type::f8}, {object_row_column, Type::i8}}), numbers({{"filter", Type::u1}});
  m.read({2, 6}, texts);
  m.read({2, 6}, numbers);
  const char* filters[] = {"F814W", "F275W", "F475W", "F814W"};
  const std::int64_t objects[] = {1, 4, 4, 5};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(texts[0].text(i), filters[i]);
    EXPECT_EQ(texts[1].number(i), 50002.0 + static_cast<double>(i));
    EXPECT_EQ(texts[2].integer(i), objects[i]);
    EXPECT_EQ(numbers[0].integer(i), static_cast<std::int64_t>((i + 2) % 3));
  }
  Table other({{"magnitude", Type::f4}});
  EXPECT_TRUE(contains(error_of<DataError>([&] { m.read({0, 1}, other); }), "no column magnitude among the measurements"));
}

TEST(Measurements, AreToldFromAFileWithoutThem) {
  const Folder folder;
  const std::string path = folder.file("o.h5");
  write_columns(path, {{"/object", Table({{"id", Type::i8}}, 0)}}, {});
  EXPECT_FALSE(has_measurements(path));
  EXPECT_TRUE(has_measurements(measured_catalogue(folder)));
  EXPECT_FALSE(has_orphans(measured_catalogue(folder)));
  EXPECT_TRUE(contains(error_of<DataError>([&] { const Measurements m(path); }), "has no measurements"));
}

TEST(Measurements, OfADamagedIndexAreRefused) {
  const Folder folder;
  const std::string path = measured_catalogue(folder);
  Table offsets = read_columns(path, meas_offset_group);
  offsets[0].values<std::int64_t>()[2] = 1000;
  add_columns(path, {{meas_offset_group, offsets}});
  const Measurements m(path);
  EXPECT_TRUE(contains(error_of<DataError>([&] { (void)m.rows_of({1, 2}); }), "damaged index"));
  EXPECT_TRUE(contains(error_of<DataError>([&] { (void)m.first_rows({0, 4}); }), "damaged index"));
}

TEST(Links, AreSecondNamesInTheRootGroup) {
  const Folder folder;
  const std::string path = measured_catalogue(folder);
  const std::map<std::string, std::string> links = {{"/meas_offset", "/index/meas_offset/first_row"}};
  EXPECT_EQ(read_links(path), links);
  add_links(path, links);  // again: nothing changes
  EXPECT_EQ(read_links(path), links);
}

}  // namespace
}  // namespace skyfold
