#include "skyfold/dataset/parts.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <random>

#include "../support.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/dataset/part_values.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using Numbers = PartsOf<RowsCodec<std::int64_t>>;

/// What belongs to a row, whoever computes it.
std::int64_t value_of(std::int64_t row) { return row * row + 7; }
std::vector<std::int64_t> values_of(RowRange rows) {
  std::vector<std::int64_t> values;
  for (std::int64_t row = rows.begin; row < rows.end; ++row) values.push_back(value_of(row));
  return values;
}

class PartsTest : public testing::Test {
 protected:
  Numbers open() const { return Numbers(std::make_shared<Parts>(path, "numbers")); }
  static std::uint64_t keep(const Numbers& numbers, RowRange rows) {
    JobResult result;
    numbers.keep(rows, values_of(rows), result);
    return result.checksum;
  }
  std::vector<std::int64_t> merged(RowRange all) const {
    std::vector<std::int64_t> values;
    open().merge(all, [&](RowRange rows, const std::vector<std::int64_t>& part) {
      EXPECT_EQ(std::ssize(part), rows.size());
      values.insert(values.end(), part.begin(), part.end());
    });
    return values;
  }
  std::vector<std::string> segments() const {
    std::vector<std::string> paths;
    for (const std::string& name : names_in(path))
      if (name.starts_with("segment.")) paths.push_back(path + "/" + name);
    return paths;
  }
  static void flip(const std::string& file, std::int64_t at) {
    std::byte value{};
    const File open = File::for_update(file);
    open.read(at, std::span(&value, 1));
    value ^= std::byte{1};
    open.write(at, std::span<const std::byte>(&value, 1));
  }

  Folder folder;
  std::string path = [this] {
    fs::create_directory(folder.file("parts"));
    return folder.file("parts");
  }();
};

TEST_F(PartsTest, WhatIsKeptIsMergedInTheOrderOfRows) {
  const Numbers numbers = open();
  for (const RowRange rows : {RowRange{60, 100}, {0, 10}, {10, 60}}) keep(numbers, rows);
  numbers.parts().sync();
  EXPECT_EQ(merged({0, 100}), values_of({0, 100}));
  EXPECT_EQ(merged({5, 70}), values_of({5, 70}));
  EXPECT_EQ(segments().size(), 1u);
}

TEST_F(PartsTest, TheChecksumOfABlockIsThatOfItsJob) {
  const Numbers numbers = open();
  JobResult result;
  numbers.keep({0, 3}, values_of({0, 3}), result);
  numbers.keep({3, 9}, values_of({3, 9}), result);
  numbers.parts().sync();
  const Numbers next = open();
  const auto first = next.parts().stored_checksum({0, 3}, 0);
  ASSERT_TRUE(first);
  EXPECT_EQ(next.parts().stored_checksum({3, 9}, *first), result.checksum);
  EXPECT_FALSE(next.parts().stored_checksum({0, 9}, 0));
}

TEST_F(PartsTest, TablesGoThereAndBackAndAreCutByTheirRows) {
  const Schema schema = {{"target", Type::i8}, {"pair", Type::f4, 2, "deg"}, {"name", Type::text, 5}};
  const PartsOf<TableCodec> tables(std::make_shared<Parts>(path, "tables"), {schema, "target"});
  Table table(schema, 4);
  std::ranges::copy(std::vector<std::int64_t>{10, 10, 12, 19}, table[0].values<std::int64_t>().begin());
  std::ranges::copy(std::vector<float>{1, 2, 3, std::numeric_limits<float>::quiet_NaN(), 5, 6, 7, 8}, table[1].values<float>().begin());
  std::ranges::copy(std::string("abcdefgh\0\0k\0\0\0\0lmnop", 20), table[2].values<char>().begin());
  JobResult result;
  tables.keep({10, 20}, table, result);
  tables.keep({20, 30}, Table(schema), result);
  tables.parts().sync();
  std::vector<Table> all;
  tables.merge({10, 30}, [&](RowRange, Table part) { all.push_back(std::move(part)); });
  ASSERT_EQ(all.size(), 2u);
  for (std::size_t c = 0; c < schema.size(); ++c) EXPECT_TRUE(std::ranges::equal(all[0][c].bytes(), table[c].bytes()));
  EXPECT_EQ(all[0][1].info().unit, "deg");
  EXPECT_EQ(all[1].rows(), 0u);
  tables.merge({11, 19}, [&](RowRange rows, const Table& part) {
    EXPECT_EQ(rows, (RowRange{11, 19}));
    ASSERT_EQ(part.rows(), 1u);
    EXPECT_EQ(part[0].integer(0), 12);
    EXPECT_EQ(part[2].text(0), "k");
  });
  const PartsOf<TableCodec> others(std::make_shared<Parts>(path, "tables"), {{schema[0], schema[2]}, "target"});
  EXPECT_TRUE(contains(error_of<IoError>([&] { others.merge({10, 30}, [](RowRange, const Table&) {}); }), "other values"));
}

/// Attempts that cut the work as they like, with rows that fail, against a map of rows.
TEST_F(PartsTest, WhateverAttemptsHaveLeftEachRowIsTakenOnce) {
  std::mt19937 random(12);
  for (int round = 0; round < 60; ++round) {
    fs::remove_all(path);
    fs::create_directory(path);
    const std::int64_t rows = 1 + static_cast<std::int64_t>(random() % 60);
    std::vector<bool> is_kept(static_cast<std::size_t>(rows)), is_failed(static_cast<std::size_t>(rows));
    for (int attempt = 0; attempt < 3; ++attempt) {
      const Numbers numbers = open();
      for (int part = 0; part < 6; ++part) {
        const std::int64_t begin = static_cast<std::int64_t>(random()) % rows,
                           end = begin + 1 + static_cast<std::int64_t>(random()) % (rows - begin);
        const bool fails = random() % 4 == 0;
        if (fails)
          numbers.parts().keep_failed({begin, end});
        else
          keep(numbers, {begin, end});
        for (std::int64_t row = begin; row < end; ++row) (fails ? is_failed : is_kept)[static_cast<std::size_t>(row)] = true;
      }
      numbers.parts().sync();
    }
    std::vector<std::int64_t> expected;
    bool is_covered = true;
    for (std::int64_t row = 0; row < rows; ++row) {
      if (is_kept[static_cast<std::size_t>(row)]) expected.push_back(value_of(row));
      is_covered &= is_kept[static_cast<std::size_t>(row)] || is_failed[static_cast<std::size_t>(row)];
    }
    if (is_covered)
      EXPECT_EQ(merged({0, rows}), expected);
    else
      EXPECT_TRUE(contains(error_of<IoError>([&] { (void)merged({0, rows}); }), "nothing is kept of row"));
  }
}

TEST_F(PartsTest, ADamagedBlobIsFoundAndTheOneComputedAgainIsTaken) {
  {
    const Numbers numbers = open();
    keep(numbers, {0, 4});
    keep(numbers, {4, 8});
    numbers.parts().sync();
  }
  flip(segments().front(), 64 + 48 + 8 + 3);  // behind both headers and the count: in the values of rows 0 to 4
  EXPECT_FALSE(open().parts().stored_checksum({0, 4}, 0));
  EXPECT_TRUE(open().parts().stored_checksum({4, 8}, 0));
  const std::string error = error_of<IoError>([&] { (void)merged({0, 8}); });
  EXPECT_TRUE(contains(error, segments().front()) && contains(error, "is not as it was made")) << error;
  EXPECT_EQ(merged({4, 8}), values_of({4, 8}));
  const Numbers again = open();
  keep(again, {0, 3});  // the same work, cut otherwise
  keep(again, {3, 6});
  again.parts().sync();
  EXPECT_EQ(merged({0, 8}), values_of({0, 8}));
}

TEST_F(PartsTest, AnyFlippedBitIsFoundOrDoesNoHarm) {
  {
    const Numbers numbers = open();
    keep(numbers, {0, 2});
    keep(numbers, {2, 3});
    numbers.parts().sync();
  }
  const std::string segment = segments().front();
  const std::int64_t bytes = File::for_reading(segment).size();
  for (std::int64_t at = 0; at < bytes; ++at) {
    flip(segment, at);
    EXPECT_NE(error_of<IoError>([&] { (void)merged({0, 3}); }), "") << "byte " << at;
    flip(segment, at);
  }
  EXPECT_EQ(merged({0, 3}), values_of({0, 3}));
}

TEST_F(PartsTest, ATornEndCostsThePartThatWasBeingWrittenAlone) {
  {
    const Numbers numbers = open();
    keep(numbers, {0, 5});
    keep(numbers, {5, 9});
    numbers.parts().sync();
  }
  const std::string segment = segments().front();
  const std::int64_t whole = File::for_reading(segment).size(), first = 64 + 48 + 8 + 5 * 8;
  for (std::int64_t bytes = whole - 1; bytes >= first; --bytes) {
    fs::resize_file(segment, static_cast<std::uintmax_t>(bytes));
    EXPECT_TRUE(open().parts().stored_checksum({0, 5}, 0)) << bytes;
    EXPECT_FALSE(open().parts().stored_checksum({5, 9}, 0)) << bytes;
  }
  const Numbers again = open();
  keep(again, {5, 9});
  again.parts().sync();
  EXPECT_EQ(merged({0, 9}), values_of({0, 9}));
}

TEST_F(PartsTest, FilesOfOthersAndPartsOfAnotherKindAreNotTaken) {
  {
    const PartsOf<RowsCodec<std::int64_t>> others(std::make_shared<Parts>(path, "other numbers"));
    JobResult result;
    others.keep({0, 4}, {1, 2, 3, 4}, result);
    others.parts().sync();
  }
  testing_support::write_file(path + "/notes.txt", "mine");
  testing_support::write_file(path + "/segment.0123456789abcdef", "not skyfold's");
  testing_support::write_file(path + "/.skyfold-0123456789abcdef.new", "a death");
  const std::string error = error_of<IoError>([&] { (void)merged({0, 4}); });
  EXPECT_TRUE(contains(error, "does not hold parts 'numbers'") && contains(error, "row 0")) << error;
  const Numbers numbers = open();
  keep(numbers, {0, 4});
  numbers.parts().sync();
  EXPECT_EQ(merged({0, 4}), values_of({0, 4}));
  EXPECT_FALSE(is_parts_file("notes.txt"));
  EXPECT_FALSE(is_parts_file("segment.0123"));
  for (const std::string& segment : segments()) EXPECT_TRUE(is_parts_file(fs::path(segment).filename().string()));
}

TEST_F(PartsTest, AKillBeforeTheSegmentHasItsNameLeavesNothingThatIsTaken) {
  const pid_t child = fork();
  if (child == 0) {
    setenv("SKYFOLD_DIE_AT", "segment prepared", 1);
    const Numbers numbers = open();
    keep(numbers, {0, 4});
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  ASSERT_EQ(names_in(path).size(), 1u);
  EXPECT_TRUE(is_temporary(names_in(path).front()) && is_parts_file(names_in(path).front()));
  EXPECT_TRUE(contains(error_of<IoError>([&] { (void)merged({0, 4}); }), "nothing is kept of row 0"));
  const Numbers numbers = open();
  keep(numbers, {0, 4});
  numbers.parts().sync();
  EXPECT_EQ(merged({0, 4}), values_of({0, 4}));
}

}  // namespace
}  // namespace skyfold
