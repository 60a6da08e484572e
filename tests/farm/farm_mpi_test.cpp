#include "skyfold/farm/farm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "../support.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;

/// What a fake work does to rows: row r becomes 3 r + 1. Faults are planted at rows.
struct Faults {
  std::int64_t cursed = -1;          ///< compute throws whenever the row is in the block
  std::int64_t together = -1;        ///< compute throws when the row's job has several partitions
  std::int64_t unreadable = -1, unwritable = -1, unsynced = -1;   ///< IoError of read, write, job_written
};

/// Counts what happens to every row of this rank and checks the order of calls on each slot.
class FakeWork final : public Work {
 public:
  FakeWork(std::int64_t rows, std::int64_t block_rows, Faults faults)
      : read_(static_cast<std::size_t>(rows)), written_(read_), marked_(read_), block_rows_(block_rows), faults_(faults) {}

  void read(const Job& job, RowRange block, int slot, JobResult& result) override {
    if (holds(block, faults_.unreadable)) throw IoError("row " + std::to_string(faults_.unreadable) + " cannot be read");
    check(block.size() > 0 && block.size() <= block_rows_ && job.rows.begin <= block.begin && block.end <= job.rows.end, "a block of the job");
    Slot& mine = slots_[slot];
    mine = {State::read, block, std::vector<std::int64_t>(static_cast<std::size_t>(block.size()))};
    for (std::int64_t row = block.begin; row < block.end; ++row) {
      ++read_[static_cast<std::size_t>(row)];
      mine.values[static_cast<std::size_t>(row - block.begin)] = row;
    }
    result.bytes_read += 8 * block.size();
  }
  void compute(const Job& job, RowRange block, int slot) override {
    Slot& mine = slots_[slot];
    check(mine.state == State::read && mine.block == block, "compute follows read");
    mine.state = State::failed;
    if (holds(block, faults_.cursed)) throw std::runtime_error("cursed row " + std::to_string(faults_.cursed));
    if (holds(block, faults_.together) && job.partition_count > 1) throw 7;  // not even an exception of the library
    for (std::int64_t& value : mine.values) value = 3 * value + 1;
    mine.state = State::computed;
  }
  void write(const Job& job, RowRange block, int slot, JobResult& result) override {
    if (holds(block, faults_.unwritable)) throw IoError("row " + std::to_string(faults_.unwritable) + " cannot be written");
    Slot& mine = slots_[slot];
    check(mine.state == State::computed && mine.block == block, "write follows compute");
    mine.state = State::written;
    std::int64_t& next = next_row_[job.id];
    check(block.begin == job.rows.begin || block.begin == next, "blocks of a job are written in order");
    next = block.end;
    for (std::int64_t row = block.begin; row < block.end; ++row) {
      check(mine.values[static_cast<std::size_t>(row - block.begin)] == 3 * row + 1, "the values of the block");
      ++written_[static_cast<std::size_t>(row)];
    }
    result.rows += block.size();
    result.bytes_written += 8 * block.size();
    result.checksum = 31 * result.checksum + static_cast<std::uint64_t>(block.begin);
  }
  void job_written(const Job& job) override {
    if (holds(job.rows, faults_.unsynced)) throw IoError("the disk is gone");
  }
  void mark_failed(RowRange block) override {
    check(block.size() > 0 && block.size() <= block_rows_, "a block");
    for (std::int64_t row = block.begin; row < block.end; ++row) ++marked_[static_cast<std::size_t>(row)];
  }

  /// Counts by row over all ranks.
  std::vector<std::int64_t> reads(const Ranks& ranks) const { return summed(ranks, read_); }
  std::vector<std::int64_t> writes(const Ranks& ranks) const { return summed(ranks, written_); }
  std::vector<std::int64_t> marks(const Ranks& ranks) const { return summed(ranks, marked_); }

 private:
  enum class State { empty, read, computed, failed, written };
  struct Slot {
    State state = State::empty;
    RowRange block;
    std::vector<std::int64_t> values;
  };
  static bool holds(RowRange rows, std::int64_t row) { return rows.begin <= row && row < rows.end; }
  static void check(bool condition, const char* what) { EXPECT_TRUE(condition) << what; }
  static std::vector<std::int64_t> summed(const Ranks& ranks, std::vector<std::int64_t> counts) {
    ranks.sum(counts);
    return counts;
  }

  std::vector<std::int64_t> read_, written_, marked_;
  std::int64_t block_rows_;
  Faults faults_;
  Slot slots_[2];
  std::map<std::int64_t, std::int64_t> next_row_;   ///< by job
};

/// Keeps what rank 0 is told, and may fail at the n-th end of a job.
class Recorder final : public FarmObserver {
 public:
  explicit Recorder(int fails_at = -1) : fails_at_(fails_at) {}
  void started(const Job& job, int attempt, int rank) override { under_way_.insert({job.rows.begin, attempt, rank}); }
  void finished(const JobOutcome& outcome) override {
    EXPECT_EQ(under_way_.erase({outcome.job.rows.begin, outcome.attempt, outcome.rank}), 1U) << "ended without a start";
    outcomes.push_back(outcome);
    if (std::ssize(outcomes) == fails_at_) throw IoError("the journal cannot be written");
  }
  [[nodiscard]] bool all_ended() const { return under_way_.empty(); }

  std::vector<JobOutcome> outcomes;

 private:
  int fails_at_;
  std::set<std::tuple<std::int64_t, int, int>> under_way_;
};

/// A plan of `n` partitions of 25 rows, `per_job` of them in a job, done in blocks of 10 rows.
struct Farm {
  explicit Farm(const Ranks& all, std::int64_t n, std::int64_t per_job, Faults faults = {}, int fails_at = -1)
      : ranks(all), rows(25 * n), work(rows, block_rows, faults), recorder(fails_at) {
    for (std::int64_t i = 0; i < n; ++i) partitions.push_back({i, "p", {25 * i, 25 * i + 25}, 25.0});
    for (std::int64_t i = 0; i < n; i += per_job) {
      const std::int64_t end = std::min(i + per_job, n);
      jobs.push_back({std::ssize(jobs), i, end - i, {25 * i, 25 * end}});
    }
  }
  FarmReport run(const std::string& master = "auto") { return run_farm(ranks, jobs, partitions, work, recorder, {master, block_rows}); }

  /// Every row was written `times` times.
  void expect_writes(std::int64_t times) const {
    for (const std::int64_t count : work.writes(ranks)) ASSERT_EQ(count, times);
  }

  static constexpr std::int64_t block_rows = 10;
  const Ranks& ranks;
  std::int64_t rows;
  FakeWork work;
  Recorder recorder;
  std::vector<Partition> partitions;
  std::vector<Job> jobs;
};

class OnRanks : public testing::Test {
 protected:
  RankClock clock;
  Ranks ranks{clock};
};
using RunFarm = OnRanks;
using RanksTogether = OnRanks;

TEST_F(RunFarm, ReadsComputesAndWritesEveryBlockOnce) {
  for (const char* master : {"auto", "compute", "dedicated"}) {
    Farm farm(ranks, 23, 2);
    const FarmReport report = farm.run(master);
    farm.expect_writes(1);
    for (const std::int64_t count : farm.work.reads(ranks)) ASSERT_EQ(count, 1);
    if (!ranks.is_first()) continue;
    EXPECT_EQ(report.rows, farm.rows);
    EXPECT_EQ(report.bytes_read, 8 * farm.rows);
    EXPECT_EQ(report.bytes_written, 8 * farm.rows);
    EXPECT_EQ(report.jobs, 12);
    EXPECT_TRUE(report.failures.empty());
    EXPECT_TRUE(farm.recorder.all_ended());
    for (const JobOutcome& outcome : farm.recorder.outcomes) {
      EXPECT_EQ(outcome.result.rows, outcome.job.rows.size());
      if (std::string(master) == "dedicated" && ranks.size() > 1) {
        EXPECT_GT(outcome.rank, 0);
      }
    }
  }
}

TEST_F(RunFarm, ChainsTheChecksumOverTheBlocksOfAJobInRowOrder) {
  Farm farm(ranks, 2, 2);
  farm.run();
  if (!ranks.is_first()) return;
  std::uint64_t expected = 0;
  for (std::uint64_t begin = 0; begin < 50; begin += 10) expected = 31 * expected + begin;
  ASSERT_EQ(farm.recorder.outcomes.size(), 1U);
  EXPECT_EQ(farm.recorder.outcomes[0].result.checksum, expected);
}

TEST_F(RunFarm, WithoutJobsEnds) {
  Farm farm(ranks, 0, 1);
  EXPECT_EQ(farm.run().rows, 0);
}

TEST_F(RunFarm, WithFewerJobsThanRanksEnds) {
  Farm farm(ranks, 1, 1);
  farm.run();
  farm.expect_writes(1);
}

TEST_F(RunFarm, RunsAgainAndAgainWithoutMixingUpTheRuns) {
  for (std::int64_t n = 0; n < 12; ++n) {
    Farm farm(ranks, n, 1 + n % 3);
    farm.run(n % 2 ? "dedicated" : "auto");
    farm.expect_writes(1);
    EXPECT_TRUE(farm.recorder.all_ended());
  }
}

TEST_F(RunFarm, RetriesAFailedJobByItsPartitions) {
  Faults faults;
  faults.together = 60;
  Farm farm(ranks, 12, 4, faults);
  const FarmReport report = farm.run();
  const auto writes = farm.work.writes(ranks);
  EXPECT_TRUE(std::all_of(writes.begin(), writes.end(), [](std::int64_t n) { return n >= 1; }));
  if (!ranks.is_first()) return;
  EXPECT_TRUE(report.failures.empty());
  EXPECT_EQ(report.rows, farm.rows);  // the rows of the failed attempt are not counted
  const auto failed = std::count_if(farm.recorder.outcomes.begin(), farm.recorder.outcomes.end(), [](const JobOutcome& o) { return !o.succeeded; });
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(farm.recorder.outcomes.size(), 3U + 4U);
}

TEST_F(RunFarm, GivesUpOnlyThePartitionThatFailsTwiceAndMarksItsRows) {
  Faults faults;
  faults.cursed = 60;
  Farm farm(ranks, 12, 4, faults);
  const FarmReport report = farm.run();
  const auto writes = farm.work.writes(ranks), marks = farm.work.marks(ranks);
  for (std::int64_t row = 0; row < farm.rows; ++row) {
    const bool is_lost = row >= 50 && row < 75;
    ASSERT_EQ(marks[static_cast<std::size_t>(row)], is_lost ? 1 : 0) << row;
    if (!is_lost) {
      ASSERT_GE(writes[static_cast<std::size_t>(row)], 1) << row;
    }
  }
  if (!ranks.is_first()) return;
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_EQ(report.failures[0].job.rows, (RowRange{50, 75}));
  EXPECT_EQ(report.failures[0].attempt, 2);
  EXPECT_EQ(report.failures[0].message, "cursed row 60");
  EXPECT_EQ(report.rows, farm.rows - 25);
}

/// The run ends with the same error on every rank, and the next run is not disturbed.
void expect_lost_run(const Ranks& ranks, const Faults& faults, const std::string& message, int fails_at = -1) {
  for (const char* master : {"auto", "dedicated"}) {
    Farm farm(ranks, 40, 2, faults, fails_at);
    try {
      farm.run(master);
      ADD_FAILURE() << "no error on rank " << ranks.rank();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::io);
      EXPECT_EQ(error.what(), message);
    }
    Farm next(ranks, 5, 1);
    next.run();
    next.expect_writes(1);
  }
}

TEST_F(RunFarm, EndsOnEveryRankWithAnErrorOfReading) {
  Faults faults;
  faults.unreadable = 333;
  expect_lost_run(ranks, faults, "row 333 cannot be read");
}
TEST_F(RunFarm, EndsOnEveryRankWithAnErrorOfWriting) {
  Faults faults;
  faults.unwritable = 333;
  expect_lost_run(ranks, faults, "row 333 cannot be written");
}
TEST_F(RunFarm, EndsOnEveryRankWithAnErrorOfSyncing) {
  Faults faults;
  faults.unsynced = 333;
  expect_lost_run(ranks, faults, "the disk is gone");
}
TEST_F(RunFarm, EndsOnEveryRankWithAnErrorOfTheObserver) { expect_lost_run(ranks, {}, "the journal cannot be written", 7); }

TEST_F(RunFarm, AccountsForTheWholeTimeOfEachRank) {
  Farm farm(ranks, 20, 2);
  farm.run();
  const double before = clock.wall_s();
  double sum = 0.0;
  for (const double s : clock.seconds()) sum += s;
  EXPECT_GE(sum, before - 1e-9);
  EXPECT_LE(sum, clock.wall_s() + 1e-9);
}

TEST(WorkerCount, CountsRankZeroUnlessItIsDedicated) {
  EXPECT_EQ(worker_count({"auto", 1}, 1), 1);
  EXPECT_EQ(worker_count({"auto", 1}, 4), 4);
  EXPECT_EQ(worker_count({"auto", 1}, 5), 4);
  EXPECT_EQ(worker_count({"compute", 1}, 100), 100);
  EXPECT_EQ(worker_count({"dedicated", 1}, 2), 1);
  EXPECT_EQ(worker_count({"dedicated", 1}, 1), 1);  // somebody must compute
}

TEST_F(RanksTogether, BroadcastTheTextOfRankZero) {
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{300'000}}) {
    const std::string text(length, 'x');
    EXPECT_EQ(ranks.broadcast(ranks.is_first() ? text : "something else"), text);
  }
}

TEST_F(RanksTogether, GatherTextsOfAnyLengthWithTheirBytes) {
  const auto text_of = [](int rank) { return std::string(static_cast<std::size_t>(rank) * 1000, static_cast<char>(rank)) + '\0'; };
  const auto all = ranks.gather(text_of(ranks.rank()));
  ASSERT_EQ(std::ssize(all), ranks.size());
  for (int rank = 0; rank < ranks.size(); ++rank) EXPECT_EQ(all[static_cast<std::size_t>(rank)], text_of(rank));
}

TEST_F(RanksTogether, ReduceElementByElement) {
  std::vector<std::int64_t> counts = {1, ranks.rank(), std::int64_t{1} << 40};
  ranks.sum(counts);
  EXPECT_EQ(counts, (std::vector<std::int64_t>{ranks.size(), ranks.size() * (ranks.size() - 1) / 2, ranks.size() * (std::int64_t{1} << 40)}));
  std::vector<double> low = {1.5 * ranks.rank(), -1.0 * ranks.rank()}, high = low;
  ranks.min(low);
  ranks.max(high);
  EXPECT_EQ(low, (std::vector<double>{0.0, -1.0 * (ranks.size() - 1)}));
  EXPECT_EQ(high, (std::vector<double>{1.5 * (ranks.size() - 1), 0.0}));
}

TEST_F(RanksTogether, ThrowTheErrorOfTheLowestRankOnAll) {
  const int last = ranks.size() - 1, first = std::min(1, last);
  for (int round = 0; round < 3; ++round) {
    try {
      ranks.together([&] {
        if (ranks.rank() >= first) throw DataError("rank " + std::to_string(ranks.rank()));
      });
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::data);
      EXPECT_EQ(error.what(), "rank " + std::to_string(first));
    }
    ranks.together([] {});
  }
}

TEST_F(RanksTogether, HearOfErrorsThatAreNotOurs) {
  if (ranks.size() == 1) GTEST_SKIP() << "one rank throws what was thrown";
  for (const bool is_standard : {true, false}) {
    const std::string message = error_of<Error>([&] {
      ranks.together([&] {
        if (ranks.is_first() && is_standard) throw std::runtime_error("of the library");
        if (ranks.is_first()) throw 7;
      });
    });
    EXPECT_EQ(message, is_standard ? "of the library" : "unknown exception");
  }
}

TEST_F(RanksTogether, ShareTheResultOrTheErrorOfTheFirst) {
  int calls = 0;
  EXPECT_EQ(ranks.on_first([&] {
    ++calls;
    return std::string("made");
  }), "made");
  EXPECT_EQ(calls, ranks.is_first() ? 1 : 0);
  EXPECT_TRUE(contains(error_of<Error>([&] { ranks.on_first_only([] { throw IoError("disk full: /x"); }); }), "disk full: /x"));
}

TEST_F(RanksTogether, RunUnitsOnceAndGiveAllResultsToAll) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{17}}) {
    std::int64_t calls[] = {0};
    const auto results = ranks.run_units(count, [&](std::size_t i) {
      ++calls[0];
      return std::string(i * 100, static_cast<char>('a' + i));
    });
    ranks.sum(calls);
    EXPECT_EQ(calls[0], static_cast<std::int64_t>(count));
    ASSERT_EQ(results.size(), count);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(results[i], std::string(i * 100, static_cast<char>('a' + i)));
  }
}

TEST_F(RanksTogether, ThrowTheErrorOfAUnitOnAll) {
  EXPECT_TRUE(contains(error_of<Error>([&] {
    (void)ranks.run_units(9, [](std::size_t i) -> std::string {
      if (i == 5) throw DataError("unit 5");
      return {};
    });
  }), "unit 5"));
}

TEST_F(RanksTogether, HaveAtLeastOneThreadEach) { EXPECT_GE(ranks.default_threads(), 1); }

}  // namespace
}  // namespace skyfold
