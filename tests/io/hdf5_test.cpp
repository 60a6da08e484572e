#include "skyfold/io/hdf5.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <vector>

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
using testing_support::write_file;

class Columns : public testing::Test {
 protected:
  Folder folder;
  std::string path = folder.file("a.h5");
};

TEST_F(Columns, ReadBackWithEveryTypeAndWidth) {
  const Table table = random_table(every_type(), 1001, 1);
  write_columns(path, {{"/object", table}}, {{"creator", "a test"}});
  EXPECT_TRUE(same_bytes(table, read_columns(path, "/object")));
  EXPECT_EQ(read_attributes(path), (Attributes{{"creator", "a test"}}));
}

TEST_F(Columns, KeepTheirDescriptions) {
  create_columns(path, {{"/object", every_type(), 3}}, {});
  const Schema schema = open_columns(path, "/object").group.schema;
  const ColumnInfo& f4 = schema[*find_column(schema, "f4")];
  EXPECT_EQ(f4.unit, "mag");
  EXPECT_EQ(f4.ucd, "phot.mag");
  EXPECT_EQ(f4.description, "a magnitude");
  EXPECT_EQ(f4.source, "MAG");
  EXPECT_FALSE(f4.null);
  EXPECT_EQ(schema[*find_column(schema, "i4")].null, -99);
  EXPECT_EQ(schema[*find_column(schema, "pdf")].width, 5U);
  EXPECT_EQ(schema[*find_column(schema, "text")].width, 7U);
}

TEST_F(Columns, AreContiguousPlainDatasetsForAnyHdf5Reader) {
  const Table table = random_table(every_type(), 100, 2);
  write_columns(path, {{"/object", table}}, {});
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  std::vector<std::int32_t> values(100);
  const hid_t i4 = H5Dopen2(file, "/object/i4", H5P_DEFAULT);
  EXPECT_GE(H5Dread(i4, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
  for (std::size_t i = 0; i < 100; ++i) ASSERT_EQ(values[i], table.at("i4").integer(i));
  const hid_t properties = H5Dget_create_plist(i4);
  EXPECT_EQ(H5Pget_layout(properties), H5D_CONTIGUOUS);
  std::vector<float> pdf(500);
  const hid_t array = H5Dopen2(file, "/object/pdf", H5P_DEFAULT);
  EXPECT_GE(H5Dread(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, pdf.data()), 0);
  for (std::size_t i = 0; i < 500; ++i) ASSERT_EQ(pdf[i], table.at("pdf").values<float>()[i]);
  for (const hid_t id : {properties}) H5Pclose(id);
  for (const hid_t id : {i4, array}) H5Dclose(id);
  H5Fclose(file);
}

TEST_F(Columns, LieWhereTheyAreSaidToLie) {
  const Table table = random_table(every_type(), 100, 3);
  write_columns(path, {{"/object", table}}, {});
  const ColumnPlaces places = open_columns(path, "/object");
  const std::string bytes = read_file(path);
  for (std::size_t i = 0; i < places.offsets.size(); ++i) {
    const auto expected = table.at(places.group.schema[i].name).bytes();
    ASSERT_EQ(bytes.compare(static_cast<std::size_t>(places.offsets[i]), expected.size(),
                            std::string_view(reinterpret_cast<const char*>(expected.data()), expected.size())),
              0);
  }
}

TEST_F(Columns, GiveTheSameBytesForTheSameContent) {
  for (const char* name : {"a.h5", "b.h5"}) {
    const Table table = random_table(every_type(), 77, 4);
    write_columns(folder.file(name), {{"/object", table}, {"/index/zones/f4", table}}, {{"provenance", "{}"}});
  }
  EXPECT_EQ(read_file(path), read_file(folder.file("b.h5")));
}

TEST_F(Columns, ReserveTheirSpaceWhenTheyAreLaidOut) {
  create_columns(path, {{"/object", every_type(), 10'000}}, {});
  EXPECT_GE(std::filesystem::file_size(path), 10'000 * bytes_per_row(every_type()));
}

TEST_F(Columns, MayHaveNoRows) {
  create_columns(path, {{"/object", every_type(), 0}}, {});
  EXPECT_EQ(read_columns(path, "/object").rows(), 0U);
}

TEST_F(Columns, ReplaceAGroupOfTheSamePathAndKeepTheOthers) {
  const Table first = random_table(every_type(), 10, 5), second = random_table({{"x", Type::f8}}, 4, 6);
  write_columns(path, {{"/object", first}, {"/index/a", first}}, {});
  add_columns(path, {{"/index/a", second}, {"/index/b/c", second}});
  EXPECT_TRUE(same_bytes(first, read_columns(path, "/object")));
  EXPECT_TRUE(same_bytes(second, read_columns(path, "/index/a")));
  EXPECT_TRUE(same_bytes(second, read_columns(path, "/index/b/c")));
}

TEST_F(Columns, AreFoundByTheirGroup) {
  write_columns(path, {{"/index/a", random_table(every_type(), 1, 1)}}, {});
  EXPECT_TRUE(has_columns(path, "/index/a"));
  EXPECT_FALSE(has_columns(path, "/index/b"));
  EXPECT_FALSE(has_columns(path, "/none/a"));
}

TEST_F(Columns, NameTheFileWhenItCannotBeOpened) {
  EXPECT_TRUE(contains(error_of<IoError>([&] { (void)open_columns(path, "/object"); }), path));
  write_file(path, "not an HDF5 file at all");
  EXPECT_TRUE(contains(error_of<DataError>([&] { (void)open_columns(path, "/object"); }), path + ": is a text file"));
  EXPECT_TRUE(contains(error_of<IoError>([&] { create_columns(folder.file("none/a.h5"), {}, {}); }), "none/a.h5"));
}

TEST_F(Columns, AreRefusedWhenTheGroupIsAbsent) {
  write_columns(path, {{"/data", random_table(every_type(), 1, 1)}}, {});
  EXPECT_TRUE(contains(error_of<DataError>([&] { (void)open_columns(path, "/object"); }), "/object"));
  EXPECT_TRUE(contains(error_of<DataError>([&] { (void)open_columns(path, "/object/deep"); }), "/object/deep"));
}

TEST_F(Columns, AreRefusedWhenTheFileIsCutAnywhere) {
  write_columns(path, {{"/object", random_table(every_type(), 1000, 1)}}, {});
  const auto size = std::filesystem::file_size(path);
  for (const double share : {0.0, 0.01, 0.5, 0.9, 0.999}) {
    std::filesystem::copy_file(path, folder.file("cut.h5"), std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(folder.file("cut.h5"), static_cast<std::uintmax_t>(share * static_cast<double>(size)));
    EXPECT_THROW((void)read_columns(folder.file("cut.h5"), "/object"), Error) << share;
  }
}

TEST_F(Columns, AreRefusedWhenTheyAnnounceMoreRowsThanAnyFileHas) {
  constexpr std::uint64_t rows = 1013, absurd = std::uint64_t{1} << 61;  // times 8 bytes: 2^64, which is 0
  write_columns(path, {{"/object", random_table({{"x", Type::f8}}, rows, 1)}}, {});
  std::string bytes = read_file(path);
  const std::string before(reinterpret_cast<const char*>(&rows), sizeof rows), after(reinterpret_cast<const char*>(&absurd), sizeof absurd);
  int replaced = 0;
  for (std::size_t at = bytes.find(before); at != std::string::npos; at = bytes.find(before, at + 8), ++replaced)
    bytes.replace(at, 8, after);
  ASSERT_GT(replaced, 0);
  write_file(path, bytes);
  EXPECT_TRUE(contains(error_of<IoError>([&] { (void)open_columns(path, "/object"); }), "truncated"));
}

TEST_F(Columns, AreRefusedWhenTheyDifferInLength) {
  write_columns(path, {{"/object", random_table({{"x", Type::f8}}, 4, 1)}}, {});
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hsize_t shape = 3;
  const hid_t space = H5Screate_simple(1, &shape, nullptr);
  const hid_t dataset = H5Dcreate2(file, "/object/y", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const double values[3] = {};
  H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Fclose(file);
  EXPECT_TRUE(contains(error_of<DataError>([&] { (void)open_columns(path, "/object"); }), "3 rows"));
}

TEST_F(Columns, TakeAttributesOfAnyLengthAndReplaceThem) {
  create_columns(path, {}, {{"provenance", std::string(100'000, 'p')}, {"empty", ""}});
  write_attributes(path, {{"provenance", "short"}, {"fingerprint", "µ"}});
  EXPECT_EQ(read_attributes(path), (Attributes{{"provenance", "short"}, {"empty", ""}, {"fingerprint", "µ"}}));
}

}  // namespace
}  // namespace skyfold
