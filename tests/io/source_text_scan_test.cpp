#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>

#include "source_files.hpp"
#include "source_text.hpp"

namespace skyfold {
namespace {

using namespace source_tests;

using Rows = std::vector<std::vector<std::string>>;

/// A random cell with everything that is awkward: quotes, delimiters, line feeds, blanks, quotes inside.
std::string random_cell(std::mt19937_64& random) {
  const char* const plain[] = {"1", "-2.5", "abc", "5\" wide", "x\"y\"z", "", "nan", "a longer text with blanks"};
  const char* const inside[] = {"", ",", "\n", "\"\"", " ", "\r\n", "ab", "\n\n,\"\"\n", "1,2\n3,4\n"};
  if (random() % 3) return plain[random() % std::size(plain)];
  std::string cell = random() % 4 ? "\"" : " \"";
  for (std::uint64_t n = random() % 5; n > 0; --n) cell += inside[random() % std::size(inside)];
  return cell + "\"";
}

std::string random_table(std::uint64_t seed, int rows) {
  std::mt19937_64 random(seed);
  std::string text = "first,second,third\n";
  for (int row = 0; row < rows; ++row) {
    text += "r" + std::to_string(row) + "," + random_cell(random) + "," + random_cell(random);
    text += random() % 5 ? "\n" : "\r\n";
    if (random() % 20 == 0) text += "  \n";
  }
  if (random() % 2) text.erase(text.find_last_not_of("\r\n ") + 1);
  return text;
}

std::string stripped(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// A slow reader, one character at a time, that keeps the whole file in memory: the truth of these tests.
class NaiveReader {
 public:
  explicit NaiveReader(const std::string& text) {
    for (std::size_t i = 0; i < text.size(); ++i) step(text, i);
    if (!cell_.empty() || !row_.empty() || was_quoted_) end_row();
  }
  Rows rows;

 private:
  void step(const std::string& text, std::size_t& i) {
    const char c = text[i];
    if (quoted_) {
      if (c != '"')
        cell_ += c;
      else if (i + 1 < text.size() && text[i + 1] == '"')
        cell_ += text[++i];
      else
        quoted_ = false;
    } else if (c == '"' && stripped(cell_).empty() && !was_quoted_) {
      quoted_ = was_quoted_ = true;
      cell_.clear();
    } else if (c == ',') {
      end_cell();
    } else if (c == '\n') {
      end_row();
    } else if (!(c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') && !(was_quoted_ && c == ' ')) {
      cell_ += c;
    }
  }
  void end_cell() {
    row_.push_back(was_quoted_ ? cell_ : stripped(cell_));
    cell_.clear();
    was_quoted_ = false;
  }
  void end_row() {
    const bool blank = row_.empty() && !was_quoted_ && stripped(cell_).empty();
    if (!blank) end_cell();
    if (!blank) rows.push_back(row_);
    row_.clear();
    cell_.clear();
  }

  std::vector<std::string> row_;
  std::string cell_;
  bool quoted_ = false, was_quoted_ = false;
};

/// The rows of a file as texts, read by pieces.
Rows read_rows(const std::string& path, const ScanSizes& sizes, const ScanRunner& run = scan_here) {
  const auto source = open_text(path, {",", {}, {}}, run, sizes);
  Schema schema = source->schema();
  for (ColumnInfo& info : schema) {
    info.type = Type::text;
    info.width = 200;
  }
  Rows rows;
  Table table(schema);
  std::vector<BadCell> bad;
  for (const Piece& piece : source->pieces(3)) {
    EXPECT_EQ(piece.first_row, static_cast<std::int64_t>(rows.size()));
    source->read(piece, table, bad);
    for (std::size_t row = 0; row < table.rows(); ++row) {
      std::vector<std::string> cells;
      for (std::size_t c = 0; c < table.columns(); ++c) cells.emplace_back(table[c].text(row));
      rows.push_back(cells);
    }
  }
  EXPECT_TRUE(bad.empty());
  EXPECT_EQ(source->rows(), static_cast<std::int64_t>(rows.size()));
  return rows;
}

/// What `read_rows` is to give: no header, missing cells empty, no trailing blanks (they pad texts).
Rows expected_rows(const std::string& content) {
  Rows rows = NaiveReader(content).rows;
  rows.erase(rows.begin());
  for (auto& row : rows)
    for (std::string& cell : row) {
      if (cell == "nan") cell.clear();
      cell.erase(cell.find_last_not_of(' ') + 1);
    }
  return rows;
}

TEST(TextScan, FindsTheSameRowsWhereverTheFileIsCut) {
  const Folder folder;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const std::string content = random_table(seed, 40);
    const std::string path = folder.file("t.csv", content);
    const Rows expected = expected_rows(content);
    for (const auto& [block, unit] : {std::pair{1L << 20, 8L << 20}, {64L, 64L}, {16L, 100L}, {7L, 33L}, {200L, 1L}}) {
      const Rows rows = read_rows(path, {block, unit, 10});
      ASSERT_EQ(rows.size(), expected.size()) << "seed " << seed << " block " << block << " unit " << unit;
      for (std::size_t i = 0; i < rows.size(); ++i)
        ASSERT_EQ(rows[i], expected[i]) << "seed " << seed << " block " << block << " unit " << unit;
    }
  }
}

TEST(TextScan, DoesNotDependOnWhoRunsTheUnits) {
  const Folder folder;
  const std::string content = random_table(99, 300);
  const std::string path = folder.file("t.csv", content);
  const ScanRunner backwards = [](std::size_t count, const std::function<std::string(std::size_t)>& unit) {
    std::vector<std::string> results(count);
    for (std::size_t i = count; i-- > 0;) results[i] = unit(i);
    return results;
  };
  const ScanRunner threads = [](std::size_t count, const std::function<std::string(std::size_t)>& unit) {
    std::vector<std::string> results(count);
    std::vector<std::thread> team;
    for (std::size_t first = 0; first < 4; ++first)
      team.emplace_back([&, first] {
        for (std::size_t i = first; i < count; i += 4) results[i] = unit(i);
      });
    for (std::thread& thread : team) thread.join();
    return results;
  };
  const ScanSizes sizes{64, 128, 50};
  EXPECT_EQ(read_rows(path, sizes, backwards), read_rows(path, sizes));
  EXPECT_EQ(read_rows(path, sizes, threads), expected_rows(content));
}

TEST(TextScan, InfersTypesFromCellsOfAnyUnit) {
  std::string content = "late_text,late_real,late_missing,late_large,wide\n";
  for (int i = 0; i < 100; ++i) content += "1,1,1,1,a\n";
  content += "x,1.5,,99999999999999999999,a much wider text\n";
  const Folder folder;
  const auto source = open_text(folder.file("t.csv", content), {",", {}, {}}, scan_here, {64, 128, 10});
  const Schema& schema = source->schema();
  EXPECT_EQ(schema[0].type, Type::i8) << "later text is a bad cell";
  EXPECT_EQ(schema[0].null, INT64_MIN);
  EXPECT_EQ(schema[1].type, Type::f8);
  EXPECT_EQ(schema[2].null, INT64_MIN);
  EXPECT_EQ(schema[3].type, Type::text);
  EXPECT_EQ(schema[3].width, 20U);
  EXPECT_EQ(schema[4].width, 17U);
}

TEST(TextScan, FindsAQuoteThatIsNeverClosedInAnyUnit) {
  std::string content = "a,b\n";
  for (int i = 0; i < 50; ++i) content += "1,\"two\nlines\"\n";
  const Folder folder;
  for (const std::string tail : {"2,\"open\n", "2,\"open\n3,4\n5,6\n"}) {
    const std::string path = folder.file("t.csv", content + tail + std::string(300, '\n'));
    EXPECT_TRUE(has(message_of<DataError>([&] {
                      static_cast<void>(open_text(path, {",", {}, {}}, scan_here, {64, 128, 10}));
                    }),
                    "never closed"))
        << tail;
  }
}

TEST(TextScan, CutsPiecesOfAboutTheRowsAskedFor) {
  std::string content = "a,b\n";
  for (int i = 0; i < 10'000; ++i) content += std::to_string(i) + ",2.5\n";
  const Folder folder;
  const auto source = open_text(folder.file("t.csv", content), {",", {}, {}}, scan_here, {256, 4096, 10});
  std::int64_t next = 0;
  for (const Piece& piece : source->pieces(1000)) {
    EXPECT_EQ(piece.first_row, next);
    EXPECT_LT(piece.rows, 1100);
    next += piece.rows;
  }
  EXPECT_EQ(next, 10'000);
}

}  // namespace
}  // namespace skyfold
