#include "skyfold/io/row_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "../support.hpp"
#include "row_tables.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::every_type;
using testing_support::Folder;
using testing_support::random_table;
using testing_support::read_file;
using testing_support::same_bytes;

class Rows : public testing::Test {
 protected:
  Folder folder;
  std::string path = folder.file("a.h5");
};

/// Rows [begin, end) of a table.
Table part_of(const Table& table, std::size_t begin, std::size_t end) {
  Table part(table.schema(), end - begin);
  for (std::size_t c = 0; c < table.columns(); ++c) {
    const std::size_t width = table[c].info().bytes_per_row();
    std::copy_n(table[c].bytes().begin() + static_cast<std::ptrdiff_t>(begin * width), (end - begin) * width, part[c].bytes().begin());
  }
  return part;
}

TEST_F(Rows, WrittenInAnyOrderGiveTheBytesOfATableWrittenAtOnce) {
  const Table table = random_table(every_type(), 103, 1);
  create_columns(path, {{"/object", every_type(), 103}}, {});
  RowWriter writer(path);
  for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{70, 103}, {0, 1}, {30, 70}, {1, 30}})
    EXPECT_EQ(writer.write(static_cast<std::int64_t>(begin), part_of(table, begin, end)),
              static_cast<std::int64_t>((end - begin) * bytes_per_row(every_type())));
  writer.sync();
  EXPECT_TRUE(same_bytes(table, read_columns(path, "/object")));
}

TEST_F(Rows, AreReadByRangeAndByColumn) {
  const Table table = random_table(every_type(), 50, 2);
  write_columns(path, {{"/object", table}}, {});
  const RowReader reader(path);
  EXPECT_EQ(reader.rows(), 50);
  for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{0, 50}, {49, 50}, {13, 29}, {7, 7}}) {
    Table some({every_type()[6], every_type()[5]});
    reader.read({static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)}, some);
    ASSERT_EQ(some.rows(), end - begin);
    const Table expected = part_of(table, begin, end);
    EXPECT_TRUE(std::ranges::equal(some.at("pdf").bytes(), expected.at("pdf").bytes()));
    EXPECT_TRUE(std::ranges::equal(some.at("text").bytes(), expected.at("text").bytes()));
  }
}

TEST_F(Rows, AreReadBackByTheirWriter) {
  create_columns(path, {{"/object", {{"x", Type::f8}}, 10}}, {});
  RowWriter writer(path);
  const double values[] = {1.5, 2.5};
  writer.write(0, 4, std::as_bytes(std::span(values)));
  double back[2] = {};
  writer.read(0, {4, 6}, std::as_writable_bytes(std::span(back)));
  EXPECT_EQ(back[0], 1.5);
  EXPECT_EQ(back[1], 2.5);
}

TEST_F(Rows, MoveWithTheirReader) {
  write_columns(path, {{"/object", random_table(every_type(), 5, 3)}}, {});
  RowReader reader(path);
  RowReader moved(std::move(reader));
  Table table({{"f8", Type::f8}});
  moved.read({0, 5}, table);
  EXPECT_EQ(table.rows(), 5U);
}

TEST_F(Rows, OfAColumnThatTheFileHasNotAreRefused) {
  write_columns(path, {{"/object", random_table(every_type(), 5, 3)}}, {});
  Table table({{"none", Type::f8}}, 1);
  EXPECT_TRUE(contains(error_of<DataError>([&] { RowReader(path).read({0, 1}, table); }), "no column none"));
  EXPECT_TRUE(contains(error_of<DataError>([&] { RowWriter(path).write(0, table); }), "no column none"));
}

TEST_F(Rows, OfAnotherTypeOrWidthAreRefused) {
  write_columns(path, {{"/object", random_table(every_type(), 5, 3)}}, {});
  for (const ColumnInfo& wrong : {ColumnInfo{"f4", Type::f8}, ColumnInfo{"pdf", Type::f4, 4}, ColumnInfo{"i4", Type::f4}}) {
    Table table({wrong}, 1);
    EXPECT_TRUE(contains(error_of<DataError>([&] { RowReader(path).read({0, 1}, table); }), wrong.name));
    EXPECT_TRUE(contains(error_of<DataError>([&] { RowWriter(path).write(0, table); }), wrong.name));
  }
}

TEST_F(Rows, BeyondTheEndAreRefusedBeforeTheyTouchAnotherColumn) {
  const Table table = random_table(every_type(), 5, 3);
  write_columns(path, {{"/object", table}}, {});
  const std::string before = read_file(path);
  RowWriter writer(path);
  EXPECT_ANY_THROW(writer.write(1, table));
  EXPECT_ANY_THROW(writer.write(-1, table));
  Table some({{"f8", Type::f8}});
  EXPECT_ANY_THROW(RowReader(path).read({3, 6}, some));
  EXPECT_EQ(read_file(path), before);
}

TEST_F(Rows, OfAFileCutWhileItIsOpenAreAnIoError) {
  write_columns(path, {{"/object", random_table(every_type(), 5000, 3)}}, {});
  const RowReader reader(path);
  std::filesystem::resize_file(path, 3000);
  Table table({{"triple", Type::i8, 3}});
  EXPECT_TRUE(contains(error_of<IoError>([&] { reader.read({0, 5000}, table); }), path));
}

TEST_F(Rows, SharedFileNamesTheFileThatItCannotOpen) {
  EXPECT_TRUE(contains(error_of<IoError>([&] { SharedFile none(folder.file("none")); }), "none"));
}

TEST_F(Rows, SharedFileReadsWhatItWroteAndNothingBeyond) {
  testing_support::write_file(path, "0123456789");
  SharedFile file(path);
  const std::string text = "abc";
  file.write(4, std::as_bytes(std::span(text)));
  file.sync();
  EXPECT_EQ(read_file(path), "0123abc789");
  std::string back(4, '\0');
  EXPECT_TRUE(contains(error_of<IoError>([&] { file.read(8, std::as_writable_bytes(std::span(back))); }), "truncated"));
}

}  // namespace
}  // namespace skyfold
