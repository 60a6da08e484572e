#include "skyfold/io/journal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "../support.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using testing_support::read_file;
using testing_support::write_file;

JournalRecord record_of(std::int64_t i) {
  JournalRecord record;
  record.rows = {100 * i, 100 * i + 100};
  record.first_partition = i;
  record.event = i % 2 ? Event::done : Event::started;
  record.task = static_cast<std::int32_t>(i % 100);
  record.rank = static_cast<std::int32_t>(i % 3);
  record.rows_checksum = 0x123456789abcdef0ULL + static_cast<std::uint64_t>(i);
  set_field(record.host, "node1");
  set_field(record.label, "order 5 pixel " + std::to_string(i));
  set_field(record.message, "m");
  return record;
}

class JournalFile : public testing::Test {
 protected:
  void write(std::int64_t n) {
    Journal journal(path);
    for (std::int64_t i = 0; i < n; ++i) journal.append(record_of(i));
    journal.sync();
  }
  /// The records that survive when the file holds `bytes`.
  std::size_t found_in(const std::string& bytes) {
    write_file(path, bytes);
    const Journal journal(path);
    for (std::size_t i = 0; i < journal.found().size(); ++i)
      EXPECT_EQ(journal.found()[i].rows, record_of(static_cast<std::int64_t>(i)).rows);
    return journal.found().size();
  }
  Folder folder;
  std::string path = folder.file("journal");
};

TEST_F(JournalFile, ReadsBackWhatWasAppended) {
  write(5);
  const Journal journal(path);
  ASSERT_EQ(journal.found().size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    const JournalRecord &found = journal.found()[i], expected = record_of(static_cast<std::int64_t>(i));
    EXPECT_EQ(found.sequence, i);
    EXPECT_EQ(found.rows, expected.rows);
    EXPECT_EQ(found.event, expected.event);
    EXPECT_EQ(found.task, expected.task);
    EXPECT_EQ(found.rank, expected.rank);
    EXPECT_EQ(found.rows_checksum, expected.rows_checksum);
    EXPECT_GT(found.unix_time_s, 1e9);
    EXPECT_STREQ(found.host, "node1");
    EXPECT_STREQ(found.label, expected.label);
    EXPECT_STREQ(found.message, "m");
  }
}

TEST_F(JournalFile, GoesOnWhereItEnded) {
  write(3);
  { Journal(path).append(record_of(3)); }
  EXPECT_EQ(Journal(path).found().back().sequence, 3U);
}

TEST_F(JournalFile, LosesOnlyTheRecordThatWasTornWhereverThatWas) {
  write(3);
  const std::string whole = read_file(path);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    ASSERT_EQ(found_in(whole.substr(0, size)), size / sizeof(JournalRecord)) << size;
    ASSERT_EQ(std::filesystem::file_size(path), size / sizeof(JournalRecord) * sizeof(JournalRecord));
  }
}

TEST_F(JournalFile, EndsBeforeARecordWithAnyBitFlipped) {
  write(4);
  const std::string whole = read_file(path);
  for (std::size_t bit = 0; bit < 8 * sizeof(JournalRecord); ++bit) {
    std::string damaged = whole;
    char& byte = damaged[2 * sizeof(JournalRecord) + bit / 8];
    byte = static_cast<char>(byte ^ (1 << bit % 8));
    ASSERT_EQ(found_in(damaged), 2U) << "bit " << bit;
  }
}

TEST_F(JournalFile, AppendsAfterTheCut) {
  write(3);
  write_file(path, read_file(path).substr(0, 2 * sizeof(JournalRecord) + 100));
  { Journal(path).append(record_of(2)); }
  EXPECT_EQ(Journal(path).found().size(), 3U);
}

TEST_F(JournalFile, IsReadWithoutBeingChangedAlsoWhileItIsWritten) {
  EXPECT_TRUE(read_journal(path).empty());
  EXPECT_FALSE(std::filesystem::exists(path));
  Journal journal(path);
  for (std::int64_t i = 0; i < 2500; ++i) journal.append(record_of(i));  // more than is read at a time
  const auto records = read_journal(path);
  ASSERT_EQ(records.size(), 2500U);
  for (std::size_t i = 0; i < records.size(); ++i) ASSERT_EQ(records[i].rows, record_of(static_cast<std::int64_t>(i)).rows);

  const std::string torn = read_file(path).substr(0, 2 * sizeof(JournalRecord) + 100);
  write_file(path, torn);
  EXPECT_EQ(read_journal(path).size(), 2U);
  EXPECT_EQ(read_file(path), torn);
}

TEST_F(JournalFile, CutsTextsToTheirFieldsAndEndsThem) {
  JournalRecord record;
  set_field(record.host, std::string(500, 'h'));
  set_field(record.message, "a longer text");
  set_field(record.message, "short");
  EXPECT_EQ(std::string(record.host), std::string(sizeof record.host - 1, 'h'));
  EXPECT_STREQ(record.message, "short");
}

TEST_F(JournalFile, EndsBeforeANumberThatIsNoneOfARunWhateverItsChecksum) {
  const auto kept = [&](const auto& change) {
    write_file(path, "");
    write(2);
    JournalRecord record = record_of(2);
    change(record);
    Journal(path).append(record);
    return read_journal(path).size();
  };
  EXPECT_EQ(kept([](JournalRecord&) {}), 3U);
  EXPECT_EQ(kept([](JournalRecord& r) { r.task = 2'000'000'000; }), 2U);
  EXPECT_EQ(kept([](JournalRecord& r) { r.task = -1; }), 2U);
  EXPECT_EQ(kept([](JournalRecord& r) { r.rows = {-5, 5}; }), 2U);
  EXPECT_EQ(kept([](JournalRecord& r) { r.rows = {7, 3}; }), 2U);
  EXPECT_EQ(kept([](JournalRecord& r) { r.partition_count = -1; }), 2U);
}

TEST_F(JournalFile, EndsTextsThatFillTheirFields) {
  JournalRecord record = record_of(0);
  std::fill(std::begin(record.label), std::end(record.label), 'x');
  std::fill(std::begin(record.message), std::end(record.message), 'y');
  Journal(path).append(record);
  const std::vector<JournalRecord> read = read_journal(path);
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(std::string(read[0].label), std::string(sizeof record.label - 1, 'x'));
  EXPECT_EQ(std::string(read[0].message), std::string(sizeof record.message - 1, 'y'));
}

TEST_F(JournalFile, NamesTheFileThatCannotBeOpened) {
  EXPECT_TRUE(contains(error_of<IoError>([&] { Journal none(folder.file("none/journal")); }), "none/journal"));
}

}  // namespace
}  // namespace skyfold
