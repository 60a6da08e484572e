#include "skyfold/io/fits_product.hpp"

#include <fitsio.h>
#include <gtest/gtest.h>

#include <memory>
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

/// The definition (FITS Standard 4.0, appendix J): big-endian 32-bit words, one's-complement addition.
std::uint32_t slow_sum(std::string bytes) {
  bytes.resize((bytes.size() + 3) / 4 * 4, '\0');
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    std::uint64_t word = 0;
    for (std::size_t k = 0; k < 4; ++k) word = word << 8 | static_cast<unsigned char>(bytes[i + k]);
    sum += word;
    if (sum >> 32) sum = (sum & 0xffffffffU) + 1;
  }
  return static_cast<std::uint32_t>(sum);
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(FitsSum, OfPiecesAtAnyOffsetAddsUpToThatOfTheWhole) {
  ObjectRandom random(1, 1);
  std::string data(1013, '\0');
  for (char& c : data) c = static_cast<char>(random.next());
  for (const std::size_t piece : {1U, 2U, 3U, 5U, 7U, 64U, 1013U}) {
    std::uint32_t sum = 0;
    for (std::size_t at = 0; at < data.size(); at += piece)
      sum = add_fits_sums(sum, fits_sum(bytes_of(std::string_view(data).substr(at, piece)), static_cast<std::int64_t>(at)));
    EXPECT_EQ(sum, slow_sum(data)) << "pieces of " << piece;
  }
}

TEST(FitsSum, CarriesAround) {
  EXPECT_EQ(add_fits_sums(0xffffffff, 1), 1U);
  EXPECT_EQ(add_fits_sums(0x80000000, 0x80000001), 2U);
  EXPECT_EQ(fits_sum(bytes_of(std::string(8, '\xff')), 0), 0xffffffffU);
}

struct CloseFits {
  void operator()(fitsfile* file) const noexcept {
    int status = 0;
    fits_close_file(file, &status);
  }
};
using Fits = std::unique_ptr<fitsfile, CloseFits>;

Fits open_table(const std::string& path) {
  fitsfile* raw = nullptr;
  int status = 0;
  EXPECT_EQ(fits_open_table(&raw, path.c_str(), READONLY, &status), 0);
  return Fits(raw);
}

class FitsProduct : public testing::Test {
 protected:
  /// Writes a table in pieces, last piece first.
  FitsLayout write(const Table& table, std::size_t piece) {
    const auto rows = static_cast<std::int64_t>(table.rows());
    create_fits(path, table.schema(), rows, "PHOTOZ", {"made by a test"});
    const FitsLayout layout = open_fits(path, table.schema(), rows);
    std::uint32_t sum = 0;
    FitsRowWriter writer(path, layout);
    for (std::size_t end = table.rows(); end > 0;) {
      const std::size_t begin = end > piece ? end - piece : 0;
      Table part(table.schema(), end - begin);
      for (std::size_t c = 0; c < table.columns(); ++c) {
        const std::size_t width = table[c].info().bytes_per_row();
        std::copy_n(table[c].bytes().begin() + static_cast<std::ptrdiff_t>(begin * width), (end - begin) * width, part[c].bytes().begin());
      }
      const Table* parts[] = {&part};
      sum = add_fits_sums(sum, writer.write(static_cast<std::int64_t>(begin), parts));
      end = begin;
    }
    writer.sync();
    EXPECT_EQ(sum, fits_data_sum(path, layout));
    finish_fits(path, layout, sum);
    return layout;
  }
  void expect_checksums() const {
    int status = 0, data = 0, header = 0;
    const Fits file = open_table(path);
    fits_verify_chksum(file.get(), &data, &header, &status);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(data, 1);
    EXPECT_EQ(header, 1);
  }
  Folder folder;
  std::string path = folder.file("a.fits");
};

TEST_F(FitsProduct, HasChecksumsThatCfitsioConfirmsForAnyRowWidthAndPiece) {
  for (std::size_t text_width = 1; text_width <= 5; ++text_width)
    for (const std::size_t piece : {1U, 7U, 1000U}) {
      write(random_table({{"x", Type::f8}, {"name", Type::text, text_width}}, 101, text_width), piece);
      expect_checksums();
      EXPECT_EQ(std::filesystem::file_size(path) % 2880, 0U);
    }
}

TEST_F(FitsProduct, ReadsBackWithTheSameValues) {
  const Table table = random_table(every_type(), 50, 2);
  write(table, 8);
  const Fits file = open_table(path);
  int status = 0, column = 0;
  long rows = 0;
  fits_get_num_rows(file.get(), &rows, &status);
  ASSERT_EQ(rows, 50);
  for (std::size_t c = 0; c < table.columns(); ++c) {
    const ColumnInfo& info = table[c].info();
    std::string name = info.name;
    fits_get_colnum(file.get(), CASESEN, name.data(), &column, &status);
    ASSERT_EQ(status, 0) << name;
    if (info.type == Type::text) {
      for (std::size_t row = 0; row < 50; ++row) {
        char cell[80] = {};
        char* cells[] = {cell};
        fits_read_col_str(file.get(), column, static_cast<LONGLONG>(row) + 1, 1, 1, nullptr, cells, nullptr, &status);
        EXPECT_EQ(std::string(cell), table[c].text(row));
      }
      continue;
    }
    std::vector<double> values(50 * info.width);
    fits_read_col(file.get(), TDOUBLE, column, 1, 1, std::ssize(values), nullptr, values.data(), nullptr, &status);
    for (std::size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(values[i], info.type == Type::i8 ? static_cast<double>(table[c].integer(i / info.width, i % info.width))
                                                 : table[c].number(i / info.width, i % info.width))
          << name;
  }
  EXPECT_EQ(status, 0);
}

TEST_F(FitsProduct, SaysInItsHeaderWhatTheColumnsAre) {
  write(random_table(every_type(), 3, 2), 3);
  const Fits file = open_table(path);
  int status = 0;
  char text[FLEN_VALUE];
  const std::pair<const char*, const char*> expected[] = {{"EXTNAME", "PHOTOZ"}, {"TTYPE1", "f4"},      {"TFORM1", "1E"},
                                                          {"TUNIT1", "mag"},     {"TUCD1", "phot.mag"}, {"TFORM7", "5E"}};
  for (const auto& [key, value] : expected) {
    fits_read_key(file.get(), TSTRING, key, text, nullptr, &status);
    EXPECT_STREQ(text, value) << key;
  }
  long null = 0;
  fits_read_key(file.get(), TLONG, "TNULL3", &null, nullptr, &status);
  EXPECT_EQ(null, -99);
  EXPECT_EQ(status, 0);
}

TEST_F(FitsProduct, MayHaveNoRows) {
  write(Table(every_type(), 0), 1);
  expect_checksums();
}

TEST_F(FitsProduct, CanBeFinishedAgainAfterRowsWereWrittenTwice) {
  const Table table = random_table(every_type(), 20, 2);
  const FitsLayout layout = write(table, 20);
  finish_fits(path, layout, fits_data_sum(path, layout));
  expect_checksums();
}

TEST_F(FitsProduct, TakesEachColumnFromTheTableThatHasIt) {
  const Table a = random_table({{"x", Type::f8}}, 4, 1), b = random_table({{"y", Type::f4}}, 4, 2);
  const Schema schema = {{"y", Type::f4}, {"x", Type::f8}};
  create_fits(path, schema, 4, "T", {});
  const FitsLayout layout = open_fits(path, schema, 4);
  const Table* tables[] = {&a, &b};
  const std::uint32_t sum = FitsRowWriter(path, layout).write(0, tables);
  finish_fits(path, layout, sum);
  expect_checksums();
}

TEST_F(FitsProduct, IsOpenedWhereCfitsioSaysItsRowsBegin) {
  const Schema schema = every_type();
  create_fits(path, schema, 9, "T", std::vector<std::string>(100, "a line that makes the header longer than a block"));
  const FitsLayout layout = open_fits(path, schema, 9);
  EXPECT_EQ(layout.rows, 9);
  EXPECT_EQ(layout.row_bytes, static_cast<std::int64_t>(bytes_per_row(schema)));
  const Fits file = open_table(path);
  int status = 0;
  LONGLONG header = 0, data = 0, end = 0;
  fits_get_hduaddrll(file.get(), &header, &data, &end, &status);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(layout.data_start, data);
}

TEST_F(FitsProduct, IsNotOpenedWithoutItsWholeHeader) {
  EXPECT_TRUE(contains(error_of<IoError>([&] { (void)open_fits(path, every_type(), 9); }), "a.fits"));
  create_fits(path, every_type(), 9, "T", {});
  std::filesystem::resize_file(path, 2880 + 80);  // the primary header and the beginning of the table's
  EXPECT_TRUE(contains(error_of<IoError>([&] { (void)open_fits(path, every_type(), 9); }), "header"));
}

TEST_F(FitsProduct, NamesTheFileWhenItCannotBeMade) {
  EXPECT_TRUE(contains(error_of<IoError>([&] { create_fits(folder.file("none/a.fits"), every_type(), 1, "T", {}); }), "none/a.fits"));
}

TEST_F(FitsProduct, RefusesMoreColumnsThanFitsAllows) {
  Schema schema;
  for (int i = 0; i < 1000; ++i) schema.push_back({"c" + std::to_string(i), Type::u1});
  EXPECT_TRUE(contains(error_of<UsageError>([&] { create_fits(path, schema, 1, "T", {}); }), "999"));
}

}  // namespace
}  // namespace skyfold
