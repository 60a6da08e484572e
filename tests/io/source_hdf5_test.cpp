#include <gtest/gtest.h>
#include <hdf5.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "source_files.hpp"

namespace skyfold {
namespace {

using namespace source_tests;

/// Writes files with the library's own interface.
class H5Writer {
 public:
  explicit H5Writer(const std::string& path)
      : file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)), links_(H5Pcreate(H5P_LINK_CREATE)) {
    H5Pset_create_intermediate_group(links_, 1);
  }
  ~H5Writer() {
    H5Pclose(links_);
    H5Fclose(file);
  }

  /// A dataset of `memory` elements stored as `stored`; chunked and compressed when `chunk` > 0.
  hid_t dataset(const std::string& name, hid_t stored, hid_t memory, std::vector<hsize_t> dims, const void* data, hsize_t chunk = 0) {
    const hid_t space = H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (chunk > 0) {
      std::vector<hsize_t> sizes = dims;
      sizes[0] = chunk;
      H5Pset_chunk(creation, static_cast<int>(dims.size()), sizes.data());
      H5Pset_shuffle(creation);
      H5Pset_deflate(creation, 1);
      H5Pset_fletcher32(creation);
    }
    const hid_t set = H5Dcreate2(file, name.c_str(), stored, space, links_, creation, H5P_DEFAULT);
    EXPECT_GE(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
    H5Pclose(creation);
    H5Sclose(space);
    return set;
  }
  template <class T>
  void column(const std::string& name, hid_t stored, hid_t memory, const std::vector<T>& data, hsize_t chunk = 0) {
    H5Dclose(dataset(name, stored, memory, {data.size()}, data.data(), chunk));
  }

  hid_t file;

 private:
  hid_t links_;
};

hid_t text_type(std::size_t size, H5T_cset_t charset = H5T_CSET_ASCII) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, size);
  H5Tset_cset(type, charset);
  return type;
}

void set_text(hid_t object, const char* name, const char* value) {
  const hid_t type = text_type(std::strlen(value)), space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, value);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

TEST(Hdf5Source, ReadsEveryKindOfNumber) {
  const Folder folder;
  const std::string path = folder.file("t.h5");
  {
    H5Writer h5(path);
    const std::vector<std::int64_t> v = {1, 2, 100};
    h5.column("t/i1", H5T_STD_I8LE, H5T_NATIVE_INT64, v);
    h5.column("t/i2", H5T_STD_I16BE, H5T_NATIVE_INT64, v);
    h5.column("t/i4", H5T_STD_I32LE, H5T_NATIVE_INT64, v);
    h5.column("t/i8", H5T_STD_I64BE, H5T_NATIVE_INT64, v);
    h5.column("t/u1", H5T_STD_U8LE, H5T_NATIVE_INT64, v);
    h5.column("t/u2", H5T_STD_U16LE, H5T_NATIVE_INT64, v);
    h5.column("t/u4", H5T_STD_U32LE, H5T_NATIVE_INT64, v);
    h5.column("t/u8", H5T_STD_U64LE, H5T_NATIVE_UINT64, std::vector<std::uint64_t>{1, 2, UINT64_MAX});
    h5.column("t/f4", H5T_IEEE_F32BE, H5T_NATIVE_DOUBLE, std::vector<double>{0.5, NAN, -3});
    h5.column("t/f8", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, std::vector<double>{0.1, NAN, 1e300});
  }
  const auto source = open_source(path, {});
  std::vector<BadCell> bad;
  const Table t = read_all(*source, bad);
  const std::vector<std::pair<const char*, Type>> types = {{"i1", Type::i4}, {"i2", Type::i4}, {"i4", Type::i4}, {"i8", Type::i8},
                                                           {"u1", Type::u1}, {"u2", Type::i4}, {"u4", Type::i8}, {"u8", Type::i8},
                                                           {"f4", Type::f4}, {"f8", Type::f8}};
  for (const auto& [name, type] : types) EXPECT_EQ(t.at(name).info().type, type) << name;
  for (const char* name : {"i1", "i2", "i4", "i8", "u1", "u2", "u4"}) EXPECT_EQ(t.at(name).number(2), 100.0) << name;
  EXPECT_EQ(t.at("u8").number(1), 2.0);
  EXPECT_TRUE(std::isnan(t.at("u8").number(2)));
  ASSERT_EQ(bad.size(), 1U);
  EXPECT_TRUE(has(bad[0].problem, "18446744073709551615"));
  EXPECT_EQ(t.at("f4").number(2), -3.0);
  EXPECT_EQ(t.at("f8").number(0), 0.1);
}

TEST(Hdf5Source, ReadsTextsOfFixedAndAnyLengthBooleansAndArrays) {
  const Folder folder;
  const std::string path = folder.file("t.h5");
  {
    H5Writer h5(path);
    const hid_t fixed = text_type(6), any = text_type(H5T_VARIABLE, H5T_CSET_UTF8), truth = H5Tenum_create(H5T_NATIVE_INT8);
    const char one = 1, zero = 0;
    H5Tenum_insert(truth, "FALSE", &zero);
    H5Tenum_insert(truth, "TRUE", &one);
    H5Dclose(h5.dataset("t/fixed", fixed, fixed, {2}, "abcdefgh\0\0\0\0"));
    h5.column("t/any", any, any, std::vector<const char*>{"x", "somewhat longer"});
    h5.column("t/truth", truth, truth, std::vector<char>{1, 0});
    const std::vector<double> grid = {1, 2, 3, 4, 5, 6};
    H5Dclose(h5.dataset("t/grid", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, {2, 3}, grid.data(), 1));
    H5Tclose(fixed);
    H5Tclose(any);
    H5Tclose(truth);
  }
  const Table t = read_file(path);
  EXPECT_EQ(t.at("fixed").text(0), "abcdef");
  EXPECT_EQ(t.at("fixed").text(1), "gh");
  EXPECT_EQ(t.at("any").info().width, 15U);
  EXPECT_EQ(t.at("any").text(1), "somewhat longer");
  EXPECT_EQ(t.at("truth").info().type, Type::u1);
  EXPECT_EQ(t.at("truth").number(0), 1.0);
  EXPECT_EQ(t.at("grid").info().width, 3U);
  EXPECT_EQ(t.at("grid").number(1, 2), 6.0);
}

TEST(Hdf5Source, ReadsACompoundDatasetByItsMembers) {
  struct Record {
    double ra;
    std::int32_t id;
    float mags[2];
    char name[4];
  };
  const Folder folder;
  const std::string path = folder.file("t.h5");
  {
    H5Writer h5(path);
    const hsize_t two = 2;
    const hid_t text = text_type(4), mags = H5Tarray_create2(H5T_NATIVE_FLOAT, 1, &two);
    const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(Record));
    H5Tinsert(type, "ra", HOFFSET(Record, ra), H5T_NATIVE_DOUBLE);
    H5Tinsert(type, "id", HOFFSET(Record, id), H5T_NATIVE_INT32);
    H5Tinsert(type, "mags", HOFFSET(Record, mags), mags);
    H5Tinsert(type, "name", HOFFSET(Record, name), text);
    std::vector<Record> records(5);
    for (int i = 0; i < 5; ++i) {
      Record& r = records[static_cast<std::size_t>(i)];
      r = {i * 0.5, i, {static_cast<float>(i), -1.0F}, {'a', static_cast<char>('0' + i), 0, 0}};
    }
    h5.column("deep/table", type, type, records, 2);
    H5Tclose(type);
    H5Tclose(mags);
    H5Tclose(text);
  }
  const Table t = read_file(path);
  ASSERT_EQ(t.rows(), 5U);
  EXPECT_EQ(t.at("ra").number(3), 1.5);
  EXPECT_EQ(t.at("id").number(4), 4.0);
  EXPECT_EQ(t.at("mags").number(2, 0), 2.0);
  EXPECT_EQ(t.at("mags").number(2, 1), -1.0);
  EXPECT_EQ(t.at("name").text(2), "a2");
}

TEST(Hdf5Source, TakesUnitsUcdsDescriptionsAndNullsFromAttributes) {
  const Folder folder;
  const std::string path = folder.file("t.h5");
  {
    H5Writer h5(path);
    const std::vector<std::int32_t> v = {5, -99};
    const hid_t set = h5.dataset("object/n", H5T_STD_I32LE, H5T_NATIVE_INT32, {2}, v.data());
    set_text(set, "units", "count");
    set_text(set, "ucd", "meta.number");
    set_text(set, "description", "number of things");
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(set, "null", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_INT32, &v[1]);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Dclose(set);
  }
  const Table t = read_file(path);
  const ColumnInfo& info = t.at("n").info();
  EXPECT_EQ(info.unit, "count");
  EXPECT_EQ(info.ucd, "meta.number");
  EXPECT_EQ(info.description, "number of things");
  EXPECT_EQ(info.null, -99);
  EXPECT_TRUE(std::isnan(t.at("n").number(1)));
}

TEST(Hdf5Source, AsksWhichTableIsMeantAndPrefersObject) {
  const Folder folder;
  const std::string path = folder.file("t.h5"), ours = folder.file("ours.h5");
  const std::vector<double> two = {1, 2}, three = {1, 2, 3};
  {
    H5Writer h5(path);
    h5.column("a/x", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, two);
    h5.column("b/y", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, three);
  }
  {
    H5Writer h5(ours);
    h5.column("index/order5", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, three);
    h5.column("object/x", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, two);
  }
  EXPECT_TRUE(has(open_error<UsageError>(path), "several tables: /a, /b"));
  SourceOptions b, missing;
  b.group = "b";
  missing.group = "/c";
  EXPECT_EQ(open_source(path, b)->rows(), 3);
  EXPECT_TRUE(has(open_error<DataError>(path, missing), "no group or dataset /c"));
  EXPECT_EQ(open_source(ours, {})->schema()[0].name, "x");
}

TEST(Hdf5Source, RefusesDatasetsOfDifferentLengthByName) {
  const Folder folder;
  const std::string path = folder.file("t.h5");
  {
    H5Writer h5(path);
    h5.column("t/x", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, std::vector<double>{1, 2});
    h5.column("t/y", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, std::vector<double>{1, 2, 3});
  }
  const std::string message = open_error<DataError>(path);
  EXPECT_TRUE(has(message, "/t/x (2 rows)") && has(message, "/t/y (3 rows)")) << message;
}

TEST(Hdf5Source, CutsPiecesAtChunksAndReadsAnyOfThem) {
  const Folder folder;
  const std::string path = folder.file("t.h5");
  std::vector<std::int64_t> ids(10'000);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i * i);
  {
    H5Writer h5(path);
    h5.column("t/id", H5T_STD_I64LE, H5T_NATIVE_INT64, ids, 256);
  }
  const auto source = open_source(path, {});
  const std::vector<Piece> pieces = source->pieces(1000);
  EXPECT_EQ(pieces[1].first_row, 1024);
  const Table t = read_all(*source, 1000);
  EXPECT_TRUE(std::equal(ids.begin(), ids.end(), t.at("id").values<std::int64_t>().begin()));
}

TEST(Hdf5Source, NoticesTruncationAndChunksThatWereNeverWritten) {
  const Folder folder;
  const std::string path = folder.file("t.h5"), holes = folder.file("holes.h5");
  {
    H5Writer h5(path);
    h5.column("t/x", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, std::vector<double>(10'000, 1.0));
  }
  const std::string content = content_of(path);
  EXPECT_TRUE(has(open_error<IoError>(folder.file("cut.h5", content.substr(0, content.size() / 2))), "truncated"));
  {
    H5Writer h5(holes);
    const hsize_t rows = 100, chunk = 10;
    const hid_t space = H5Screate_simple(1, &rows, nullptr), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, &chunk);
    H5Dclose(H5Dcreate2(h5.file, "x", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(space);
  }
  EXPECT_TRUE(has(open_error<DataError>(holes), "never written"));
}

TEST(Hdf5Source, LeavesOutWhatIsNoColumn) {
  const Folder folder;
  const std::string path = folder.file("t.h5");
  {
    H5Writer h5(path);
    const std::vector<double> v(8, 1.0);
    H5Dclose(h5.dataset("t/cube", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, {2, 2, 2}, v.data()));
    h5.column("t/x", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, v);
  }
  const auto source = open_source(path, {});
  ASSERT_EQ(source->schema().size(), 1U);
  ASSERT_EQ(source->left_out().size(), 1U);
  EXPECT_TRUE(has(source->left_out()[0].reason, "3 dimensions"));
}

TEST(Hdf5Source, ReadsTheDc2TrainingSetAsH5pyDoes) {
  SKYFOLD_NEED_SHARED(path, "photoz/dc2/test_dc2_training_9816.hdf5");
  const Table t = read_file(path);
  ASSERT_EQ(t.rows(), 10'225U);
  ASSERT_EQ(t.columns(), 14U);
  // h5py 3.7.0
  EXPECT_EQ(t.at("id").integer(2), 8062500124);
  EXPECT_EQ(t.at("mag_u_lsst").values<float>()[0], 18.040369033813477F);
  EXPECT_EQ(t.at("redshift").number(1), 0.01936132305993654);
}

}  // namespace
}  // namespace skyfold
