#include "skyfold/run/run.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

#include "../registry/mpi_environment.hpp"
#include "../support.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/io/journal.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using testing_support::read_file;
using testing_support::write_file;

constexpr std::int64_t all_rows = 1000, partition_rows = 25;

/// What attempts at a run share: the product's rows, and how often each was computed.
struct Disk {
  std::vector<std::int64_t> rows = std::vector<std::int64_t>(all_rows, -1);
  std::vector<int> computed = std::vector<int>(all_rows, 0);
};

/// Row r becomes 3 r + 1.
class DiskWork final : public Work {
 public:
  explicit DiskWork(Disk& disk) : disk_(disk) {}
  void read(const Job&, RowRange, int, JobResult&) override {}
  void compute(const Job&, RowRange block, int) override {
    for (std::int64_t row = block.begin; row < block.end; ++row) ++disk_.computed[static_cast<std::size_t>(row)];
  }
  void write(const Job&, RowRange block, int, JobResult& result) override {
    if (block.begin <= unwritable && unwritable < block.end) throw IoError("disk full");
    if (block.begin <= stops_at && stops_at < block.end) request_stop(SIGTERM);
    for (std::int64_t row = block.begin; row < block.end; ++row) disk_.rows[static_cast<std::size_t>(row)] = 3 * row + 1;
    result.rows += block.size();
    result.checksum = *stored_checksum(block, result.checksum);
    result.fits_sum += static_cast<std::uint64_t>(block.size());
  }
  void sync() override {}
  void mark_failed(RowRange block) override {
    for (std::int64_t row = block.begin; row < block.end; ++row) disk_.rows[static_cast<std::size_t>(row)] = -2;
  }
  std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override {
    return hash_bytes(
        std::as_bytes(std::span(disk_.rows).subspan(static_cast<std::size_t>(block.begin), static_cast<std::size_t>(block.size()))),
        chained);
  }
  std::int64_t unwritable = -1, stops_at = -1;

 private:
  Disk& disk_;
};

class Runs : public testing::Test {
 protected:
  Runs() {
    testing_support::start_mpi();
    write_file(input, "catalogue");
    options("answer", answer, "an option that decides the product");
    o.farm.block_rows = 10;
    o.farm.order = "rows";
    for (std::int64_t i = 0; i < all_rows / partition_rows; ++i)
      partitions.push_back({i, "p" + std::to_string(i), {partition_rows * i, partition_rows * (i + 1)}, 1.0});
  }
  ~Runs() override { request_stop(0); }

  /// One attempt at the command.
  ExitCode attempt(std::int64_t unwritable = -1, std::int64_t stops_at = -1) {
    RankClock clock;
    Ranks ranks(clock);
    skyfold::Run run(ranks, options, o, {"test", "1", output, {output}, {input}});
    was_complete = run.is_complete();
    if (was_complete) return ExitCode::done;
    run.once("products", [&] {
      write_file(run.partial(output), "product");
      ++layouts;
    });
    const auto work = std::make_shared<DiskWork>(disk);
    work->unwritable = unwritable;
    work->stops_at = stops_at;
    run.farm({"test", "rows", "1"}, partitions, work);
    fits_sum = run.fits_sum().value_or(0);
    run.publish({output});
    return run.finish(1, "");
  }
  /// The rows that the journal says are done.
  std::vector<RowRange> journalled() const {
    std::vector<RowRange> rows;
    for (const JournalRecord& record : read_journal(run_path(output) + "/journal"))
      if (record.event == Event::done) rows.push_back(record.rows);
    return rows;
  }
  void expect_whole_product() const {
    for (std::int64_t row = 0; row < all_rows; ++row) ASSERT_EQ(disk.rows[static_cast<std::size_t>(row)], 3 * row + 1);
    EXPECT_EQ(read_file(output), "product");
    EXPECT_FALSE(fs::exists(partial_path(output, output)));
  }
  /// Rows that were done at `before` were computed once, the others at least once.
  void expect_nothing_done_again(const std::vector<RowRange>& before) const {
    for (const RowRange& rows : before)
      for (std::int64_t row = rows.begin; row < rows.end; ++row)
        ASSERT_EQ(disk.computed[static_cast<std::size_t>(row)], 1) << "row " << row;
  }

  Folder folder;
  std::string output = folder.file("z.h5"), input = folder.file("cat.h5");
  long answer = 42;
  OptionSet options;
  RunOptions o;
  std::vector<Partition> partitions;
  Disk disk;
  int layouts = 0;
  bool was_complete = false;
  std::uint32_t fits_sum = 0;
};

TEST_F(Runs, MakeTheirProductAndKnowThatItIsComplete) {
  EXPECT_EQ(attempt(), ExitCode::done);
  expect_whole_product();
  EXPECT_EQ(attempt(), ExitCode::done);
  EXPECT_TRUE(was_complete);
  for (const int count : disk.computed) ASSERT_EQ(count, 1);
}

TEST_F(Runs, GoOnAfterAFullDiskWithoutDoingAnythingAgain) {
  EXPECT_EQ(error_of<IoError>([&] {
              try {
                attempt(333);
              } catch (const Error& error) {
                EXPECT_EQ(error.code(), ExitCode::io);
                throw IoError(error.what());
              }
            }),
            "disk full");
  EXPECT_FALSE(fs::exists(output));
  const auto before = journalled();
  EXPECT_GT(before.size(), 5U);
  EXPECT_EQ(attempt(), ExitCode::done);
  expect_whole_product();
  expect_nothing_done_again(before);
  EXPECT_EQ(layouts, 1);
  EXPECT_EQ(fits_sum, all_rows);  // over both attempts
}

TEST_F(Runs, GoOnAfterASignalWithOtherPartitions) {
  try {
    attempt(-1, 500);
    ADD_FAILURE() << "it was not stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::stopped);
  }
  request_stop(0);
  const auto before = journalled();
  EXPECT_GT(before.size(), 5U);
  EXPECT_LT(before.size(), partitions.size());
  partitions = {{0, "a", {0, 470}, 1.0}, {1, "b", {470, 1000}, 1.0}};
  EXPECT_EQ(attempt(), ExitCode::done);
  expect_whole_product();
  expect_nothing_done_again(before);
}

TEST_F(Runs, FinishWithoutThePartitionsThatFail) {
  o.farm.fault = "throw@3";
  EXPECT_EQ(attempt(), ExitCode::incomplete);
  for (std::int64_t row = 0; row < all_rows; ++row)
    ASSERT_EQ(disk.rows[static_cast<std::size_t>(row)], row / partition_rows == 3 ? -2 : 3 * row + 1);
  o.farm.fault = "";
  EXPECT_EQ(attempt(), ExitCode::done);  // another chance
  EXPECT_FALSE(was_complete);
  expect_whole_product();
}

TEST_F(Runs, AreRefusedWithOtherOptionsUntilTheyAreStartedOver) {
  EXPECT_THROW(attempt(333), Error);
  answer = 43;
  EXPECT_TRUE(contains(error_of<UsageError>([&] { attempt(); }), "answer: 42 then, 43 now"));
  EXPECT_FALSE(journalled().empty()) << "a refused attempt has removed what was there";
  o.fresh = true;
  EXPECT_EQ(attempt(), ExitCode::done);
  expect_whole_product();
  EXPECT_EQ(layouts, 2);
}

TEST_F(Runs, AreRefusedWithAnInputThatHasChanged) {
  EXPECT_THROW(attempt(333), Error);
  write_file(input, "another catalogue");
  EXPECT_TRUE(contains(error_of<DataError>([&] { attempt(); }), "cat.h5: changed"));
  EXPECT_FALSE(journalled().empty());
}

TEST_F(Runs, AreNewOnesWhenTheProductWasMadeWithOtherOptions) {
  EXPECT_EQ(attempt(), ExitCode::done);
  answer = 43;
  EXPECT_EQ(attempt(), ExitCode::done);
  EXPECT_FALSE(was_complete);
  for (const int count : disk.computed) ASSERT_EQ(count, 2);
}

TEST_F(Runs, AreNewOnesWhenTheProductIsGone) {
  EXPECT_EQ(attempt(), ExitCode::done);
  fs::remove(output);
  EXPECT_EQ(attempt(), ExitCode::done);
  EXPECT_FALSE(was_complete);
  expect_whole_product();
}

TEST_F(Runs, VerifyWhatIsDoneAndDoAgainWhatIsDamaged) {
  EXPECT_THROW(attempt(933), Error);
  const auto before = journalled();
  ASSERT_GT(before.size(), 10U);
  disk.rows[static_cast<std::size_t>(before[4].begin)] = 17;
  disk.rows[static_cast<std::size_t>(before[7].end - 1)] ^= 1;
  o.verify = true;
  EXPECT_EQ(attempt(), ExitCode::done);
  expect_whole_product();
  for (std::size_t i = 0; i < before.size(); ++i)
    for (std::int64_t row = before[i].begin; row < before[i].end; ++row)
      ASSERT_EQ(disk.computed[static_cast<std::size_t>(row)], i == 4 || i == 7 ? 2 : 1) << "range " << i;
  EXPECT_EQ(fits_sum, all_rows);
}

TEST_F(Runs, LeaveNothingBehindWhenTheyCannotBegin) {
  fs::remove(input);
  EXPECT_TRUE(contains(error_of<IoError>([&] { attempt(); }), "cat.h5"));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace skyfold
