#include "skyfold/registry/content.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "../support.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {
using testing_support::Folder;

namespace {

Table objects(std::size_t rows) {
  Table table({{"id", Type::i8}, {"z", Type::f8}, {"name", Type::text, 4}, {"pair", Type::f4, 2}}, rows);
  std::fill(table[2].bytes().begin(), table[2].bytes().end(), std::byte{0});
  for (std::size_t i = 0; i < rows; ++i) {
    table[0].values<std::int64_t>()[i] = static_cast<std::int64_t>(7 * i);
    table[1].values<double>()[i] = 0.5 / static_cast<double>(i + 1);
    table[2].values<char>()[4 * i] = static_cast<char>('a' + i % 26);
    table[3].values<float>()[2 * i] = table[3].values<float>()[2 * i + 1] = static_cast<float>(i);
  }
  return table;
}

TEST(ContentHash, IsThatOfTheDocumentation) {
  const Folder folder;
  Table table({{"b", Type::i8}, {"a", Type::f8}}, 70'000);
  for (std::size_t i = 0; i < table.rows(); ++i) {
    table[0].values<std::int64_t>()[i] = static_cast<std::int64_t>(i);
    table[1].values<double>()[i] = static_cast<double>(i) * 0.25;
  }
  write_columns(folder.file("t.h5"), {{"/object", table}}, {});
  std::uint64_t hash = hash_text("70000");
  for (const std::size_t column : {1U, 0U}) {  // by name
    hash = hash_text(column == 1 ? "a:f8:1" : "b:i8:1", hash);
    for (const std::size_t begin : {std::size_t{0}, std::size_t{65'536}}) {
      const std::uint64_t block =
          hash_bytes(table[column].bytes().subspan(begin * 8, (std::min<std::size_t>(begin + 65'536, 70'000) - begin) * 8));
      hash = hash_bytes(std::as_bytes(std::span(&block, 1)), hash);
    }
  }
  EXPECT_EQ(content_hash(folder.file("t.h5")), hex64(hash));
  EXPECT_EQ(content_rows(folder.file("t.h5")), 70'000);
}

TEST(ContentHash, DoesNotDependOnTheOrderOfColumnsOrOnIndexes) {
  const Folder folder;
  const Table table = objects(100);
  Table turned({table[3].info(), table[1].info(), table[0].info(), table[2].info()}, 100);
  for (std::size_t i = 0; i < 4; ++i) std::ranges::copy(table.at(turned[i].info().name).bytes(), turned[i].bytes().begin());
  write_columns(folder.file("a.h5"), {{"/object", table}}, {{"creator", "one"}});
  write_columns(folder.file("b.h5"), {{"/object", turned}, {"/index/zones/z", objects(3)}}, {{"creator", "two"}});
  EXPECT_EQ(content_hash(folder.file("a.h5")), content_hash(folder.file("b.h5")));
  EXPECT_EQ(first_difference(folder.file("a.h5"), folder.file("b.h5")), std::nullopt);
}

TEST(ContentHash, ChangesWithAnyValueNameTypeOrGroup) {
  const Folder folder;
  const auto hash_of = [&](const std::map<std::string, Table>& groups, const Attributes& attributes) {
    write_columns(folder.file("c.h5"), groups, attributes);
    return content_hash(folder.file("c.h5"));
  };
  const std::string base = hash_of({{"/object", objects(50)}}, {});
  Table value = objects(50);
  value[1].values<double>()[49] = -0.0;
  EXPECT_NE(hash_of({{"/object", value}}, {}), base);
  EXPECT_NE(hash_of({{"/object", objects(49)}}, {}), base);
  EXPECT_NE(hash_of({{"/other", objects(50)}}, {}), base);
  EXPECT_NE(hash_of({{"/object", objects(50)}, {"/second", objects(1)}}, {}), base);
  EXPECT_NE(hash_of({{"/object", objects(50)}}, {{"checksum", "parameters of a model"}}), base);
}

TEST(ContentHash, BelievesAFingerprintUnlessToldToVerify) {
  const Folder folder;
  write_columns(folder.file("a.h5"), {{"/object", objects(10)}}, {});
  write_columns(folder.file("b.h5"), {{"/object", objects(10)}}, {{"fingerprint", "00000000000000ff"}});
  EXPECT_EQ(content_hash(folder.file("b.h5")), "00000000000000ff");
  EXPECT_EQ(content_hash(folder.file("b.h5"), true), content_hash(folder.file("a.h5")));
}

TEST(ContentHash, KnowsThatAFingerprintOfObjectsTellsNothingOfTheirMeasurements) {
  const Folder folder;
  const Attributes fingerprint = {{"fingerprint", "00000000000000ff"}};
  write_columns(folder.file("a.h5"), {{"/object", objects(10)}, {"/meas", objects(20)}}, fingerprint);
  write_columns(folder.file("b.h5"), {{"/object", objects(10)}, {"/meas", objects(21)}}, fingerprint);
  EXPECT_EQ(content_hash(folder.file("a.h5")), content_hash(folder.file("a.h5"), true));
  EXPECT_NE(content_hash(folder.file("a.h5")), content_hash(folder.file("b.h5")));
}

TEST(ContentHash, OfAFileWithoutTablesIsEmpty) {
  const Folder folder;
  std::ofstream(folder.file("t.csv")) << "a,b\n1,2\n";
  std::ofstream(folder.file("t.fits")) << "SIMPLE  =                    T";
  EXPECT_EQ(content_hash(folder.file("t.csv")), "");
  EXPECT_EQ(content_hash(folder.file("t.fits")), "");
  EXPECT_EQ(content_rows(folder.file("t.csv")), 0);
}

TEST(FirstDifference, NamesGroupColumnRowAndValues) {
  const Folder folder;
  Table other = objects(66'000);
  other[3].values<float>()[2 * 65'999 + 1] = -1.5F;
  write_columns(folder.file("a.h5"), {{"/object", objects(66'000)}}, {});
  write_columns(folder.file("b.h5"), {{"/object", other}}, {});
  EXPECT_EQ(first_difference(folder.file("a.h5"), folder.file("b.h5")), "group /object, column pair, row 66000: 65999 and -1.5");
  write_columns(folder.file("c.h5"), {{"/object", objects(2)}}, {});
  EXPECT_EQ(first_difference(folder.file("a.h5"), folder.file("c.h5")), "group /object: 66000 and 2 rows");
}

TEST(FileHash, DependsOnEveryByteAndNotOnThreads) {
  const Folder folder;
  std::string bytes(40 << 20, 'x');
  std::ofstream(folder.file("a"), std::ios::binary) << bytes;
  const std::string one = file_hash(folder.file("a"), 1);
  EXPECT_EQ(file_hash(folder.file("a"), 3), one);
  bytes.back() = 'y';
  std::ofstream(folder.file("a"), std::ios::binary) << bytes;
  EXPECT_NE(file_hash(folder.file("a"), 2), one);
  std::ofstream(folder.file("empty"));
  EXPECT_EQ(file_hash(folder.file("empty")).size(), 16U);
}

}  // namespace
}  // namespace skyfold
