#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "skyfold/core/parallel.hpp"
#include "skyfold/farm/farm.hpp"

/// A farm whose work is known row by row, for tests on several ranks.
namespace skyfold::testing_support {

/// What a fake work does to rows: row r becomes 3 r + 1. Faults are planted at rows.
struct PlantedFaults {
  std::int64_t cursed = -1;                                      ///< compute throws whenever the row is in the block
  std::int64_t together = -1;                                    ///< compute throws when the row's job has several partitions
  std::int64_t unreadable = -1, unwritable = -1, unsynced = -1;  ///< IoError of read, write, the sync after the write
  std::int64_t endless = -1;  ///< compute goes on until it is interrupted whenever the row is in the block
};

/// A kernel that has work for ever, but listens.
inline void compute_for_ever() {
  parallel_for(std::size_t{1} << 60, 1, 1,
               [](std::size_t, std::size_t, int) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
}

/// Counts what happens to every row of this rank and checks the order of calls on each slot.
class FakeWork final : public Work {
 public:
  FakeWork(std::int64_t rows, std::int64_t block_rows, PlantedFaults faults)
      : read_(static_cast<std::size_t>(rows)), written_(read_), marked_(read_), block_rows_(block_rows), faults_(faults) {}

  void read(const Job& job, RowRange block, int slot, JobResult& result) override {
    if (holds(block, faults_.unreadable)) throw IoError("row " + std::to_string(faults_.unreadable) + " cannot be read");
    check(block.size() > 0 && block.size() <= block_rows_ && job.rows.begin <= block.begin && block.end <= job.rows.end,
          "a block of the job");
    Slot& mine = slots_[slot];
    mine = {State::read, block, std::vector<std::int64_t>(static_cast<std::size_t>(block.size()))};
    for (std::int64_t row = block.begin; row < block.end; ++row) {
      ++read_[static_cast<std::size_t>(row)];
      mine.values[static_cast<std::size_t>(row - block.begin)] = row;
    }
    result.bytes_read += 8 * block.size();
    if (on_read) on_read(block);
  }
  void compute(const Job& job, RowRange block, int slot) override {
    Slot& mine = slots_[slot];
    check(mine.state == State::read && mine.block == block, "compute follows read");
    mine.state = State::failed;
    if (holds(block, faults_.cursed)) throw std::runtime_error("cursed row " + std::to_string(faults_.cursed));
    if (holds(block, faults_.endless)) compute_for_ever();
    if (on_compute) on_compute(block);
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
    has_unsynced_ |= holds(block, faults_.unsynced);
    result.rows += block.size();
    result.bytes_written += 8 * block.size();
    result.checksum = 31 * result.checksum + static_cast<std::uint64_t>(block.begin);
    if (on_write) on_write(block);
  }
  void sync() override {
    if (has_unsynced_) throw IoError("the disk is gone");
  }
  void mark_failed(RowRange block) override {
    check(block.size() > 0 && block.size() <= block_rows_, "a block");
    for (std::int64_t row = block.begin; row < block.end; ++row) ++marked_[static_cast<std::size_t>(row)];
  }

  std::function<void(RowRange)> on_read, on_compute, on_write;  ///< called by these

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
  PlantedFaults faults_;
  Slot slots_[slot_limit];
  bool has_unsynced_ = false;
  std::map<std::int64_t, std::int64_t> next_row_;  ///< by job
};

/// Keeps what rank 0 is told, and may fail at the n-th end of a job, or do something else.
class Recorder final : public FarmObserver {
 public:
  explicit Recorder(int fails_at = -1) : fails_at_(fails_at) {}
  void started(const Job& job, int rank) override { under_way_.insert({job.rows.begin, static_cast<int>(job.attempts) + 1, rank}); }
  void finished(const JobOutcome& outcome) override {
    EXPECT_EQ(under_way_.erase({outcome.job.rows.begin, outcome.attempt(), outcome.rank}), 1U) << "ended without a start";
    outcomes.push_back(outcome);
    if (on_outcome) on_outcome(outcome);
    if (std::ssize(outcomes) == fails_at_) throw IoError("the journal cannot be written");
  }
  [[nodiscard]] bool all_ended() const { return under_way_.empty(); }

  std::vector<JobOutcome> outcomes;
  std::function<void(const JobOutcome&)> on_outcome;

 private:
  int fails_at_;
  std::set<std::tuple<std::int64_t, int, int>> under_way_;
};

/// A plan of `n` partitions of 25 rows, `per_job` of them in a job, done in blocks of 10 rows.
struct Farm {
  explicit Farm(Ranks& all, std::int64_t n, std::int64_t per_job, PlantedFaults faults = {}, int fails_at = -1)
      : ranks(all), rows(25 * n), shared(std::make_shared<FakeWork>(rows, block_rows, faults)), work(*shared), recorder(fails_at) {
    for (std::int64_t i = 0; i < n; ++i) partitions.push_back({i, "p", {25 * i, 25 * i + 25}, 25.0});
    for (std::int64_t i = 0; i < n; i += per_job) {
      const std::int64_t end = std::min(i + per_job, n);
      jobs.push_back({std::ssize(jobs), i, end - i, {25 * i, 25 * end}});
    }
  }
  FarmReport run(const std::string& master = "auto") {
    FarmOptions o = options;
    o.master = master;
    o.block_rows = block_rows;
    return run_farm(ranks, {0, jobs, partitions, given_up}, shared, recorder, o);
  }

  /// Every row was written `times` times.
  void expect_writes(std::int64_t times) const {
    for (const std::int64_t count : work.writes(ranks)) ASSERT_EQ(count, times);
  }

  static constexpr std::int64_t block_rows = 10;
  Ranks& ranks;
  std::int64_t rows;
  std::shared_ptr<FakeWork> shared;
  FakeWork& work;
  Recorder recorder;
  std::vector<Partition> partitions;
  std::vector<Job> jobs;
  std::vector<JobOutcome> given_up;
  FarmOptions options;
};

/// A test on the ranks of this run.
class OnRanks : public testing::Test {
 protected:
  RankClock clock;
  Ranks ranks{clock};
};

}  // namespace skyfold::testing_support
