#include <fitsio.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>

#include "source_files.hpp"

namespace skyfold {
namespace {

using namespace source_tests;

/// One column as CFITSIO writes it.
struct Field {
  std::string name, form, unit;
};

/// Writes tables with CFITSIO, whose bytes are the truth here.
class FitsWriter {
 public:
  explicit FitsWriter(const std::string& path) { fits_create_file(&file, ("!" + path).c_str(), &status); }
  ~FitsWriter() {
    fits_close_file(file, &status);
    EXPECT_EQ(status, 0);
  }

  void table(const std::vector<Field>& fields, long rows, const char* name = nullptr, int kind = BINARY_TBL) {
    std::vector<char*> names, forms, units;
    for (const Field& field : fields) {
      names.push_back(const_cast<char*>(field.name.c_str()));
      forms.push_back(const_cast<char*>(field.form.c_str()));
      units.push_back(const_cast<char*>(field.unit.c_str()));
    }
    fits_create_tbl(file, kind, rows, static_cast<int>(fields.size()), names.data(), forms.data(), units.data(), name, &status);
  }
  void key(const char* name, double value) { fits_write_key_dbl(file, name, value, 15, nullptr, &status); }
  void key(const char* name, long long value) { fits_write_key_lng(file, name, value, nullptr, &status); }
  void key(const char* name, const char* value) { fits_write_key_longstr(file, name, value, "a comment", &status); }
  /// Stores values as they are, without scaling them.
  template <class T>
  void raw(int column, int type, std::vector<T> values) {
    fits_set_hdustruc(file, &status);
    fits_set_tscale(file, column, 1.0, 0.0, &status);
    fits_write_col(file, type, column, 1, 1, static_cast<LONGLONG>(values.size()), values.data(), &status);
  }
  void text(int column, std::vector<const char*> values) {
    fits_write_col(file, TSTRING, column, 1, 1, static_cast<LONGLONG>(values.size()), values.data(), &status);
  }

  fitsfile* file = nullptr;
  int status = 0;
};

std::vector<double> numbers(const Column& column) {
  std::vector<double> all;
  for (std::size_t row = 0; row < column.bytes().size() / column.info().bytes_per_row(); ++row)
    for (std::size_t k = 0; k < column.info().width; ++k) all.push_back(column.number(row, k));
  return all;
}

using Numbers = std::vector<double>;

TEST(FitsSource, ReadsEveryKindOfScalar) {
  const Folder folder;
  const std::string path = folder.file("t.fits");
  {
    FitsWriter fits(path);
    fits.table({{"l", "L", ""},
                {"b", "B", ""},
                {"i", "I", ""},
                {"j", "J", ""},
                {"k", "K", ""},
                {"e", "E", "mag"},
                {"d", "D", "deg"},
                {"a", "5A", ""}},
               2);
    fits.raw<char>(1, TLOGICAL, {1, 0});
    fits.raw<std::uint8_t>(2, TBYTE, {0, 255});
    fits.raw<short>(3, TSHORT, {-32768, 32767});
    fits.raw<int>(4, TINT, {INT32_MIN, INT32_MAX});
    fits.raw<long long>(5, TLONGLONG, {INT64_MIN, INT64_MAX});
    fits.raw<float>(6, TFLOAT, {1.5F, -0.25F});
    fits.raw<double>(7, TDOUBLE, {1e300, -1e-300});
    fits.text(8, {"ab", "abcde"});
  }
  const Table t = read_file(path);
  EXPECT_EQ(t.at("l").info().type, Type::u1);
  EXPECT_EQ(numbers(t.at("l")), (Numbers{1, 0}));
  EXPECT_EQ(t.at("b").info().type, Type::u1);
  EXPECT_EQ(numbers(t.at("b")), (Numbers{0, 255}));
  EXPECT_EQ(t.at("i").info().type, Type::i4);
  EXPECT_EQ(numbers(t.at("i")), (Numbers{-32768, 32767}));
  EXPECT_EQ(t.at("j").values<std::int32_t>()[0], INT32_MIN);
  EXPECT_EQ(t.at("k").values<std::int64_t>()[0], INT64_MIN);
  EXPECT_EQ(t.at("k").values<std::int64_t>()[1], INT64_MAX);
  EXPECT_EQ(t.at("e").info().type, Type::f4);
  EXPECT_EQ(t.at("e").info().unit, "mag");
  EXPECT_EQ(numbers(t.at("e")), (Numbers{1.5, -0.25}));
  EXPECT_EQ(numbers(t.at("d")), (Numbers{1e300, -1e-300}));
  EXPECT_EQ(t.at("a").text(0), "ab");
  EXPECT_EQ(t.at("a").text(1), "abcde");
}

TEST(FitsSource, ReadsArraysBitsAndComplexNumbers) {
  const Folder folder;
  const std::string path = folder.file("t.fits");
  {
    FitsWriter fits(path);
    fits.table({{"v", "3J", ""}, {"x", "11X", ""}, {"c", "C", ""}, {"m", "2M", ""}}, 2);
    fits.raw<int>(1, TINT, {1, 2, 3, 4, 5, 6});
    for (long row = 1; row <= 2; ++row) {
      char bits[11] = {1, 0, 0, 0, 0, 0, 0, 1, 0, static_cast<char>(row == 1), 1};
      fits_write_col_bit(fits.file, 2, row, 1, 11, bits, &fits.status);
    }
    float numbers_of_c[4] = {1, 2, 3, 4};
    fits_write_col_cmp(fits.file, 3, 1, 1, 2, numbers_of_c, &fits.status);
  }
  const Table t = read_file(path);
  EXPECT_EQ(numbers(t.at("v")), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(t.at("x").info().width, 11U);
  EXPECT_EQ(numbers(t.at("x")), (Numbers{1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1}));
  EXPECT_EQ(t.at("c").info().type, Type::f4);
  EXPECT_EQ(numbers(t.at("c")), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(t.at("m").info().type, Type::f8);
  EXPECT_EQ(t.at("m").info().width, 4U);
}

TEST(FitsSource, ReadsUnsignedIntegersByTheirConvention) {
  const Folder folder;
  const std::string path = folder.file("t.fits");
  {
    FitsWriter fits(path);
    fits.table({{"b", "B", ""}, {"i", "I", ""}, {"j", "J", ""}, {"k", "K", ""}}, 2);
    fits.key("TZERO1", -128.0);
    fits.key("TZERO2", 32768.0);
    fits.key("TZERO3", 2147483648.0);
    fits_write_key_str(fits.file, "TZERO4", "", nullptr, &fits.status);
    fits_delete_key(fits.file, "TZERO4", &fits.status);
    fits_write_record(fits.file, "TZERO4  =  9223372036854775808", &fits.status);
    fits.raw<std::uint8_t>(1, TBYTE, {0, 255});
    fits.raw<short>(2, TSHORT, {-32768, 32767});
    fits.raw<int>(3, TINT, {INT32_MIN, INT32_MAX});
    fits.raw<long long>(4, TLONGLONG, {INT64_MIN, 0});
  }
  const auto source = open_source(path, {});
  std::vector<BadCell> bad;
  const Table t = read_all(*source, bad);
  EXPECT_EQ(numbers(t.at("b")), (Numbers{-128, 127}));
  EXPECT_EQ(t.at("i").info().type, Type::i4);
  EXPECT_EQ(numbers(t.at("i")), (Numbers{0, 65535}));
  EXPECT_EQ(t.at("j").info().type, Type::i8);
  EXPECT_EQ(numbers(t.at("j")), (Numbers{0, 4294967295.0}));
  EXPECT_EQ(t.at("k").values<std::int64_t>()[0], 0);
  EXPECT_TRUE(std::isnan(t.at("k").number(1))) << "2^63 does not fit a signed integer";
  ASSERT_EQ(bad.size(), 1U);
  EXPECT_EQ(bad[0].row, 1);
  EXPECT_EQ(bad[0].column, "k");
  EXPECT_TRUE(has(bad[0].problem, "9223372036854775808"));
}

TEST(FitsSource, ScalesToDoublesAndKeepsNullsMissing) {
  const Folder folder;
  const std::string path = folder.file("t.fits");
  {
    FitsWriter fits(path);
    fits.table({{"scaled", "I", ""}, {"plain", "J", ""}, {"shifted", "J", ""}, {"real", "E", ""}}, 3);
    fits.key("TSCAL1", 0.5);
    fits.key("TZERO1", 100.0);
    fits.key("TNULL1", -1LL);
    fits.key("TNULL2", -99LL);
    fits.key("TZERO3", 2147483648.0);
    fits.key("TNULL3", -2147483648LL);
    fits.key("TSCAL4", 2.0);
    fits.raw<short>(1, TSHORT, {2, -1, -4});
    fits.raw<int>(2, TINT, {1, -99, 3});
    fits.raw<int>(3, TINT, {INT32_MIN, 0, 1});
    fits.raw<float>(4, TFLOAT, {1.5F, NAN, 2.0F});
  }
  const Table t = read_file(path);
  EXPECT_EQ(t.at("scaled").info().type, Type::f8);
  EXPECT_EQ(t.at("scaled").number(0), 101.0);
  EXPECT_TRUE(std::isnan(t.at("scaled").number(1)));
  EXPECT_EQ(t.at("scaled").number(2), 98.0);
  EXPECT_EQ(t.at("plain").info().null, -99);
  EXPECT_TRUE(std::isnan(t.at("plain").number(1)));
  EXPECT_EQ(t.at("shifted").info().null, 0);
  EXPECT_TRUE(std::isnan(t.at("shifted").number(0)));
  EXPECT_EQ(t.at("shifted").number(1), 2147483648.0);
  EXPECT_EQ(t.at("real").number(0), 3.0);
  EXPECT_TRUE(std::isnan(t.at("real").number(1)));
}

TEST(FitsSource, TakesUnitsDescriptionsAndUcdsFromTheHeader) {
  const Folder folder;
  const std::string path = folder.file("t.fits");
  {
    FitsWriter fits(path);
    fits.table({{"ra", "D", "deg"}, {"dec", "D", ""}}, 1);
    fits.key("TUCD1", "pos.eq.ra;meta.main");
    fits.key("TCOMM1", "it's the right ascension of an object, told at such a length that it takes more than one card");
    fits_modify_comment(fits.file, "TTYPE2", "declination", &fits.status);
  }
  const auto source = open_source(path, {});
  const Schema& schema = source->schema();
  EXPECT_EQ(schema[0].unit, "deg");
  EXPECT_EQ(schema[0].ucd, "pos.eq.ra;meta.main");
  EXPECT_EQ(schema[0].description, "it's the right ascension of an object, told at such a length that it takes more than one card");
  EXPECT_EQ(schema[0].source, "ra");
  EXPECT_EQ(schema[1].unit, "");
  EXPECT_EQ(schema[1].description, "declination");
}

TEST(FitsSource, OpensTheFirstTableWithRowsOrTheOneAskedFor) {
  const Folder folder;
  const std::string path = folder.file("t.fits");
  {
    FitsWriter fits(path);
    long image[2] = {10, 7};
    fits_create_img(fits.file, SHORT_IMG, 2, image, &fits.status);
    fits.table({{"none", "J", ""}}, 0, "EMPTY");
    fits.table({{"one", "J", ""}}, 1, "FIRST");
    fits.table({{"two", "J", ""}}, 2, "SECOND");
  }
  SourceOptions by_name, by_number, wrong;
  by_name.hdu = "second";
  by_number.hdu = "1";
  wrong.hdu = "THIRD";
  EXPECT_EQ(open_source(path, {})->schema()[0].name, "one");
  EXPECT_EQ(open_source(path, by_name)->schema()[0].name, "two");
  EXPECT_EQ(open_source(path, by_number)->schema()[0].name, "none");
  EXPECT_TRUE(has(open_error<DataError>(path, wrong), "'THIRD'"));
}

TEST(FitsSource, LeavesOutVariableArraysAndSaysWhyWhenAskedForThem) {
  const Folder folder;
  const std::string path = folder.file("t.fits");
  {
    FitsWriter fits(path);
    fits.table({{"id", "J", ""}, {"curve", "1PE(10)", ""}, {"void", "0E", ""}, {"flux", "E", ""}}, 2);
    fits.raw<float>(4, TFLOAT, {1, 2});
  }
  const auto source = open_source(path, {});
  ASSERT_EQ(source->schema().size(), 2U);
  ASSERT_EQ(source->left_out().size(), 2U);
  EXPECT_EQ(source->left_out()[0].column, "curve");
  EXPECT_EQ(read_all(*source).at("flux").number(1), 2.0);
  ColumnInfo info;
  info.name = info.source = "curve";
  Table out({info});
  std::vector<BadCell> bad;
  EXPECT_TRUE(has(message_of<DataError>([&] { source->read({0, 2, 0, 0}, out, bad); }), "varying length"));
  info.name = info.source = "fluxx";
  Table misspelt({info});
  EXPECT_TRUE(has(message_of<DataError>([&] { source->read({0, 2, 0, 0}, misspelt, bad); }), "did you mean 'flux'?"));
}

TEST(FitsSource, ReadsChosenColumnsOfAnyRowsAndWidensThem) {
  const Folder folder;
  const std::string path = folder.file("t.fits");
  std::vector<int> ids(100'000);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int>(i);
  {
    FitsWriter fits(path);
    fits.table({{"pad", "37A", ""}, {"id", "J", ""}, {"name", "4A", ""}}, static_cast<long>(ids.size()));
    fits.key("TNULL2", 77'777LL);
    fits.raw(2, TINT, ids);
  }
  const auto source = open_source(path, {});
  Schema schema = {source->schema()[1], source->schema()[1]};
  schema[0].type = Type::i8;
  schema[0].null = -1;
  schema[1].name = "as_double";
  schema[1].type = Type::f8;
  Table out(schema);
  std::vector<BadCell> bad;
  source->read({12'345, 80'000, 0, 0}, out, bad);
  for (std::size_t i = 0; i < 80'000; ++i) {
    const std::int64_t id = 12'345 + static_cast<std::int64_t>(i);
    if (id == 77'777) {
      ASSERT_EQ(out[0].values<std::int64_t>()[i], -1);
      ASSERT_TRUE(std::isnan(out[1].values<double>()[i]));
    } else {
      ASSERT_EQ(out[0].values<std::int64_t>()[i], id);
      ASSERT_EQ(out[1].values<double>()[i], static_cast<double>(id));
    }
  }
  schema[0].type = Type::f4;
  Table narrow(schema);
  EXPECT_TRUE(has(message_of<DataError>([&] { source->read({0, 1, 0, 0}, narrow, bad); }), "cannot be stored as f4"));
}

TEST(FitsSource, ReadsAsciiTables) {
  const Folder folder;
  const std::string path = folder.file("t.fits");
  {
    FitsWriter fits(path);
    fits.table({{"id", "I12", ""}, {"ra", "F10.4", "deg"}, {"flux", "D25.17", ""}, {"name", "A6", ""}}, 3, nullptr, ASCII_TBL);
    fits.key("TNULL1", "-99");
    fits.raw<long long>(1, TLONGLONG, {12345678901LL, -99, 3});
    fits.raw<double>(2, TDOUBLE, {1.5, -2.25, 359.9999});
    fits.raw<double>(3, TDOUBLE, {1e-30, 0.1, -1e200});
    fits.text(4, {"a", "bcd", "efghij"});
  }
  const Table t = read_file(path);
  EXPECT_EQ(t.at("id").values<std::int64_t>()[0], 12345678901LL);
  EXPECT_TRUE(std::isnan(t.at("id").number(1)));
  EXPECT_EQ(numbers(t.at("ra")), (Numbers{1.5, -2.25, 359.9999}));
  EXPECT_EQ(numbers(t.at("flux")), (Numbers{1e-30, 0.1, -1e200}));
  EXPECT_EQ(t.at("name").text(2), "efghij");
}

TEST(FitsSource, SaysHowManyRowsATruncatedFileHolds) {
  const Folder folder;
  const std::string path = folder.file("t.fits");
  { FitsWriter(path).table({{"d", "D", ""}}, 10'000); }
  const std::string content = content_of(path);
  const std::size_t data = content.size() - (10'000 * 8 + 2879) / 2880 * 2880;
  const std::string cut = folder.file("cut.fits", content.substr(0, data + 1'000 * 8 + 3));
  const std::string message = open_error<IoError>(cut);
  EXPECT_TRUE(has(message, cut) && has(message, "announces 10,000 rows but holds 1,000")) << message;
  EXPECT_TRUE(has(open_error<IoError>(folder.file("header.fits", content.substr(0, 3000))), "ends inside the FITS header"));
}

/// A table of several forms behind one of another kind, plain and tile-compressed.
void write_compressed(const std::string& plain, const std::string& compressed) {
  {
    FitsWriter fits(plain);
    fits.table({{"key", "8A", ""}}, 1, "HEAD");
    fits.table({{"ra", "D", "deg"}, {"dec", "D", "deg"}, {"n", "J", ""}, {"s", "3A", ""}, {"v", "2E", "mag"}}, 3, "STARS");
    fits.raw<double>(1, TDOUBLE, {1.5, 2.5, 3.5});
    fits.raw<double>(2, TDOUBLE, {-1, -2, -3});
    fits.raw<int>(3, TINT, {7, 8, 9});
    fits.text(4, {"a", "bb", ""});
    fits.raw<float>(5, TFLOAT, {1, 2, 3, 4, 5, 6});
    fits.key("TNULL3", 8LL);
  }
  FitsWriter to(compressed);
  fitsfile* from = nullptr;
  fits_open_file(&from, (plain + "[0]").c_str(), READONLY, &to.status);
  fits_copy_hdu(from, to.file, 0, &to.status);
  for (int hdu = 2; hdu <= 3; ++hdu) {
    fits_movabs_hdu(from, hdu, nullptr, &to.status);
    fits_compress_table(from, to.file, &to.status);
  }
  fits_close_file(from, &to.status);
}

TEST(FitsSource, ReadsTileCompressedTablesAsTheyWereBefore) {
  const Folder folder;
  const std::string plain = folder.file("p.fits"), compressed = folder.file("z.fits");
  write_compressed(plain, compressed);
  for (const char* hdu : {"", "1", "2", "head", "STARS"}) {
    SourceOptions o;
    o.hdu = hdu;
    const auto expected = open_source(plain, o), found = open_source(compressed, o);
    ASSERT_EQ(found->schema().size(), expected->schema().size()) << hdu;
    EXPECT_EQ(found->path(), compressed);
    const Table theirs = read_all(*expected), ours = read_all(*found);
    for (std::size_t i = 0; i < theirs.columns(); ++i) {
      EXPECT_EQ(ours[i].info().name, theirs[i].info().name);
      EXPECT_EQ(ours[i].info().unit, theirs[i].info().unit);
      EXPECT_EQ(ours[i].info().null, theirs[i].info().null);
      EXPECT_TRUE(std::ranges::equal(ours[i].bytes(), theirs[i].bytes())) << theirs[i].info().name;
    }
  }
}

TEST(FitsSource, TakesTheTableRowsAndColumnsThatBracketsName) {
  const Folder folder;
  write_compressed(folder.file("a.fits"), folder.file("z.fits"));
  std::filesystem::rename(folder.file("a.fits"), folder.file("a[1].fits"));  // a file's own name may have brackets
  for (const char* name : {"a[1].fits", "z.fits"}) {
    const std::string path = folder.file(name);
    EXPECT_EQ(open_source(path + "[1]", {})->rows(), 1);
    EXPECT_EQ(open_source(path + "[HEAD]", {})->schema()[0].name, "key");
    EXPECT_EQ(open_source(path + "[stars,1]", {})->rows(), 3);
    EXPECT_EQ(read_file(path + "[ra>2]").at("n").integer(1), 9);
    EXPECT_EQ(read_file(path + "[2][ra>2 && s=='bb'][#row<3]").at("ra").number(0), 2.5);
    EXPECT_EQ(read_file(path + "[v[2]>3][dec>-3]").rows(), 1U);
    const Table t = read_file(path + "[STARS][col ra;twice=2*ra][twice<7]");
    EXPECT_EQ(t.columns(), 2U);
    EXPECT_EQ(t.at("twice").number(1), 5.0);
    EXPECT_EQ(open_source(path + "[ra>99]", {})->rows(), 0);
    EXPECT_TRUE(has(open_error<DataError>(path + "[nothing]"), "no table extension 'nothing'"));
    EXPECT_TRUE(has(open_error<DataError>(path + "[stars,2]"), "no table extension 'stars,2'"));
    EXPECT_TRUE(has(open_error<UsageError>(path + "[ra<]"), "cannot be applied"));
    EXPECT_TRUE(has(open_error<UsageError>(path + "[dex<3]"), "dex"));
  }
  EXPECT_TRUE(has(open_error<IoError>(folder.file("t.csv", "a,b\n1,2\n") + "[a>0]"), "only FITS files"));
}

TEST(FitsSource, BracketsOpenNoOtherFilesAndNoAddresses) {
  const Folder folder;
  const std::string path = folder.file("a.fits");
  write_compressed(path, folder.file("z.fits"));
  for (const char* filter : {"[@rows.txt]", "[2][col @columns.txt]", "[GTIfilter(\"http://localhost/g.fits\")]", "[gtifilter()]",
                             "[regFILTER('shmem://r',ra,dec)]", "[col x=regfilter(\"ftp://h/r\")]", "[gtioverlap('g.fits',ra,dec)]",
                             "[gtifind('root://h/g.fits')]", "[ra>2][s=='mem://a']", "[random()<0.5]", "[col r=RANDOMN()]"})
    EXPECT_TRUE(has(open_error<UsageError>(path + filter), "in brackets is refused")) << filter;
  for (const char* filter : {"[2][bin ra]", "[pix X*2]", "[1:2,1:1]", "[2][compress]"})
    EXPECT_FALSE(message_of<Error>([&] { (void)open_source(path + filter, {}); }).empty()) << filter;
  for (const char* name : {"(o.fits)[2]", "[2](o.fits)", "[2]o.fits[1]", "(o.fits)", "+2", "[2", "[2]]"})
    EXPECT_TRUE(has(open_error<IoError>(path + name), "no such file")) << name;
  EXPECT_FALSE(std::filesystem::exists(folder.file("o.fits")));
  EXPECT_FALSE(std::filesystem::exists("o.fits"));
}

TEST(FitsSource, NamesThatAreDriversOfCfitsioAreNoFiles) {
  const Folder folder;
  const std::string path = folder.file("a.fits");
  write_compressed(path, folder.file("z.fits"));
  for (const char* driver :
       {"file",   "http",        "https",   "httpfile", "httpmem",  "httpcompress", "ftp",         "ftps",  "ftpfile",
        "ftpmem", "ftpcompress", "root",    "gsiftp",   "mem",      "memkeep",      "shmem",       "stdin", "stdinfile",
        "stdout", "stream",      "irafmem", "rawfile",  "compress", "compressmem",  "compressfile"})
    for (const char* brackets : {"", "[1]", "[1][ra<2]", "[col ra]"}) {
      const std::string name = std::string(driver) + "://" + path + brackets;
      EXPECT_TRUE(has(open_error<IoError>(name), "no such file")) << name;
      EXPECT_TRUE(has(message_of<IoError>([&] { (void)input_files({name}); }), "addresses are not read")) << name;
    }
  for (const char* name : {"-", "stdin", "stdout", "!a.fits", "|cat a.fits", "~root/a.fits"})
    for (const char* brackets : {"", "[1]", "[ra<2]"})
      EXPECT_TRUE(has(open_error<IoError>(std::string(name) + brackets), "no such file")) << name;
}

TEST(FitsSource, RefusesCompressedImagesAndFilesWithoutTables) {
  const Folder folder;
  {
    FitsWriter fits(folder.file("z.fits"));
    fits.table({{"a", "J", ""}}, 1);
    fits_write_key_log(fits.file, "ZTABLE", 1, nullptr, &fits.status);
  }
  EXPECT_TRUE(has(open_error<DataError>(folder.file("z.fits")), "ZNAXIS2 is missing"));
  {
    FitsWriter fits(folder.file("packed.fits"));
    long size[2] = {30, 30};
    fits_set_compression_type(fits.file, RICE_1, &fits.status);
    fits_create_img(fits.file, SHORT_IMG, 2, size, &fits.status);
  }
  EXPECT_TRUE(has(open_error<DataError>(folder.file("packed.fits")), "HDU 1 is a tile-compressed image, not a table"));
  {
    FitsWriter fits(folder.file("image.fits"));
    long size[2] = {3, 3};
    fits_create_img(fits.file, FLOAT_IMG, 2, size, &fits.status);
  }
  EXPECT_TRUE(has(open_error<DataError>(folder.file("image.fits")), "no table"));
}

TEST(FitsSource, ReadsTheDarkEnergySurveyTableAsAstropyDoes) {
  SKYFOLD_NEED_SHARED(path, "photoz/des/des_spec_open.fits");
  const Table t = read_file(path);
  ASSERT_EQ(t.rows(), 15'011U);
  ASSERT_EQ(t.columns(), 16U);
  // astropy.io.fits 5.2.1, first and last row
  EXPECT_EQ(t.at("COADD_OBJECT_ID").integer(0), 958305626);
  EXPECT_EQ(t.at("RA").number(0), 334.799146);
  EXPECT_EQ(t.at("SPREAD_MODEL_I").number(0), static_cast<double>(0.02718217857182026F));
  EXPECT_EQ(t.at("MAG_G").number(2), 22.664000706089567);
  EXPECT_EQ(t.at("COADD_OBJECT_ID").integer(15'010), 1337327770);
  EXPECT_EQ(t.at("Z").number(15'010), 0.182);
}

TEST(FitsSource, ReadsTheDesiTableWithItsManyTypes) {
  SKYFOLD_NEED_SHARED(path, "catalogue/hats_small_sky/test_formats/zall-pix-iron_10rows.fits");
  const Table t = read_file(path);
  EXPECT_EQ(t.rows(), 10U);
  EXPECT_EQ(t.columns(), 136U);
  EXPECT_EQ(t.at("COEFF").info().width, 10U);
  EXPECT_EQ(t.at("TARGET_RA").info().unit, "deg");
}

}  // namespace
}  // namespace skyfold
