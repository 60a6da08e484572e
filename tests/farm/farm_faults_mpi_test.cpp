// What happens to a farm when kernels fail, hang or are no longer wanted.
#include <gtest/gtest.h>
#include <signal.h>

#include <new>

#include "../support.hpp"
#include "fake_farm.hpp"
#include "skyfold/core/signals.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::Farm;
using testing_support::OnRanks;
using testing_support::PlantedFaults;

using FailingFarm = OnRanks;
using StoppedFarm = OnRanks;

/// The partitions in `failed` were given up and marked, with these messages; all other rows were written once.
void expect_failed(const Farm& farm, const FarmReport& report, const std::map<std::int64_t, std::string>& failed) {
  const auto writes = farm.work.writes(farm.ranks), marks = farm.work.marks(farm.ranks);
  for (std::int64_t row = 0; row < farm.rows; ++row) {
    const bool is_failed = failed.contains(row / 25);
    ASSERT_EQ(writes[static_cast<std::size_t>(row)], is_failed ? 0 : 1) << "row " << row;
    ASSERT_EQ(marks[static_cast<std::size_t>(row)], is_failed ? 1 : 0) << "row " << row;
  }
  if (!farm.ranks.is_first()) return;
  EXPECT_EQ(report.rows, farm.rows - 25 * std::ssize(failed));
  EXPECT_TRUE(farm.recorder.all_ended());
  ASSERT_EQ(report.failures.size(), failed.size());
  for (const JobOutcome& failure : report.failures) {
    const std::int64_t partition = failure.job.first_partition;
    ASSERT_TRUE(failed.contains(partition));
    EXPECT_EQ(failure.job.rows, farm.partitions[static_cast<std::size_t>(partition)].rows);
    EXPECT_EQ(failure.attempt(), 2);
    EXPECT_EQ(failure.end, JobEnd::failed);
    EXPECT_EQ(failure.message, failed.at(partition));
  }
}

/// The farm ends on every rank with this exit code; returns the message. The next farm is not disturbed.
std::string ending_of(Farm& farm, ExitCode code, const std::string& master = "auto") {
  std::string message;
  try {
    farm.run(master);
    ADD_FAILURE() << "no error on rank " << farm.ranks.rank();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    message = error.what();
  }
  request_stop(0);
  farm.ranks.together([] {});  // before another rank asks to stop again
  Farm next(farm.ranks, 5, 1);
  next.run();
  next.expect_writes(1);
  return message;
}

TEST_F(FailingFarm, LosesOnlyThePartitionsWhoseKernelThrows) {
  for (const std::int64_t per_job : {1, 4})
    for (const char* master : {"auto", "dedicated"}) {
      Farm farm(ranks, 22, per_job);
      farm.options.fault = "throw@3,oom@9";
      const FarmReport report = farm.run(master);
      expect_failed(farm, report, {{3, "injected fault"}, {9, "out of memory"}});
    }
}

TEST_F(FailingFarm, LosesOnlyThePartitionThatNeedsTooMuchMemoryInItsLastBlock) {
  Farm farm(ranks, 22, 1);
  farm.work.on_compute = [](RowRange block) {
    if (block.begin == 145) throw std::bad_alloc();
  };
  const FarmReport report = farm.run();
  const auto marks = farm.work.marks(ranks);
  const auto writes = farm.work.writes(ranks);
  for (std::int64_t row = 0; row < farm.rows; ++row) {
    const auto i = static_cast<std::size_t>(row);
    ASSERT_EQ(marks[i], row / 25 == 5 ? 1 : 0) << "row " << row;
    ASSERT_EQ(writes[i], row / 25 != 5 ? 1 : row < 145 ? 2 : 0) << "row " << row;  // its other blocks, at both attempts
  }
  if (!ranks.is_first()) return;
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_EQ(report.failures[0].message, "out of memory");
}

TEST_F(FailingFarm, LosesNothingWhenTheSecondAttemptSucceeds) {
  for (const std::int64_t per_job : {1, 4}) {
    Farm farm(ranks, 22, per_job);
    farm.options.fault = "throw@*:1";
    expect_failed(farm, farm.run(), {});
  }
}

TEST_F(FailingFarm, EndsWhenEverythingFails) {
  Farm farm(ranks, 9, 2);
  farm.options.fault = "throw@*";
  std::map<std::int64_t, std::string> all;
  for (std::int64_t i = 0; i < 9; ++i) all[i] = "injected fault";
  expect_failed(farm, farm.run(), all);
}

TEST_F(FailingFarm, EndsAKernelThatTakesTooLongAndListens) {
  const bool had_hung = has_hung_thread();
  PlantedFaults faults;
  faults.endless = 8 * 25;
  Farm farm(ranks, 22, 1, faults);
  farm.options.timeout_s = 0.2;
  expect_failed(farm, farm.run(), {{8, "took longer than 0.2 s"}});
  EXPECT_EQ(has_hung_thread(), had_hung);
}

TEST_F(FailingFarm, KeepsRowsThatWereGivenUpBeforeAsFailures) {
  Farm farm(ranks, 6, 1);
  JobOutcome outcome;
  outcome.job = {0, 4, 1, {100, 125}, 1};
  outcome.end = JobEnd::failed;
  outcome.message = "of an earlier attempt";
  farm.given_up = {outcome};
  farm.jobs.erase(farm.jobs.begin() + 4);
  expect_failed(farm, farm.run(), {{4, "of an earlier attempt"}});
}

TEST_F(FailingFarm, EndsWhenMorePartitionsFailThanAllowed) {
  for (const auto& [limit, allows] :
       {std::pair{"0", 0}, std::pair{"1", 1}, std::pair{"2", 2}, std::pair{"9.9%", 1}, std::pair{"10%", 2}, std::pair{"100%", 20}})
    for (const int failing : {1, 2, 3}) {
      Farm farm(ranks, 20, 1);
      farm.options.max_failures = limit;
      for (int i = 0; i < failing; ++i) farm.options.fault += "throw@" + std::to_string(7 * i) + ",";
      if (failing <= allows) {
        EXPECT_EQ(farm.run().failures.size(), ranks.is_first() ? static_cast<std::size_t>(failing) : 0U);
      } else {
        EXPECT_TRUE(contains(ending_of(farm, ExitCode::incomplete), "farm.max_failures")) << limit;
      }
    }
}

TEST_F(FailingFarm, CountsAPartitionOnceThatFailsInSeveralJobs) {
  Farm farm(ranks, 4, 1);
  farm.jobs.clear();
  for (std::int64_t i = 0; i < 20; ++i) farm.jobs.push_back({i, i / 5, 1, {5 * i, 5 * i + 5}});
  farm.options.fault = "throw@2";
  farm.options.max_failures = "1";
  EXPECT_EQ(farm.run().failures.size(), ranks.is_first() ? 5U : 0U);
}

TEST_F(FailingFarm, RefusesOptionsThatItDoesNotUnderstandOnEveryRank) {
  for (const char* wrong : {"few", "", "%", "-1", "5%%"}) {
    Farm farm(ranks, 4, 1);
    farm.options.max_failures = wrong;
    EXPECT_TRUE(contains(ending_of(farm, ExitCode::usage), "farm.max_failures")) << wrong;
  }
  Farm farm(ranks, 4, 1);
  farm.options.fault = "explode@3";
  EXPECT_TRUE(contains(ending_of(farm, ExitCode::usage), "farm.fault"));
}

TEST_F(StoppedFarm, EndsOnEveryRankWhicheverIsAskedAlsoWhenKernelsAreBusy) {
  for (int asked = 0; asked < ranks.size(); ++asked) {
    const bool had_hung = has_hung_thread();
    Farm farm(ranks, 40, 1);
    farm.work.on_compute = [&, is_asked = ranks.rank() == asked](RowRange) {
      if (is_asked)
        request_stop(SIGUSR1);
      else
        testing_support::compute_for_ever();
    };
    EXPECT_TRUE(contains(ending_of(farm, ExitCode::stopped, "compute"), "SIGUSR1"));
    EXPECT_EQ(has_hung_thread(), had_hung);
  }
}

TEST_F(StoppedFarm, DoesNotBeginWhenItWasAskedBefore) {
  for (const char* master : {"compute", "dedicated"}) {
    Farm farm(ranks, 40, 1);
    request_stop(SIGTERM);
    EXPECT_TRUE(contains(ending_of(farm, ExitCode::stopped, master), "SIGTERM"));
    EXPECT_TRUE(farm.recorder.outcomes.empty());
  }
}

TEST_F(StoppedFarm, HasReportedOnlyWhatWasWrittenAndTheRestCanBeDoneAfterwards) {
  for (const char* master : {"compute", "dedicated"})
    for (const std::int64_t at : {1, 5, 12}) {
      Farm farm(ranks, 40, 1);
      farm.recorder.on_outcome = [&](const JobOutcome&) {
        if (std::ssize(farm.recorder.outcomes) == at) request_stop(SIGTERM);
      };
      farm.work.on_compute = [](RowRange) { std::this_thread::sleep_for(std::chrono::milliseconds(4)); };
      (void)ending_of(farm, ExitCode::stopped, master);

      const auto written = farm.work.writes(ranks);
      std::vector<RowRange> done;
      for (const JobOutcome& outcome : farm.recorder.outcomes) {
        EXPECT_TRUE(outcome.succeeded());
        EXPECT_EQ(outcome.result.rows, outcome.job.rows.size());
        done.push_back(outcome.job.rows);
      }
      if (ranks.is_first()) {
        EXPECT_GE(std::ssize(done), at);
        EXPECT_LT(done.size(), 40U) << "it went on to the end";
      }
      for (const RowRange& rows : done)
        for (std::int64_t row = rows.begin; row < rows.end; ++row) ASSERT_EQ(written[static_cast<std::size_t>(row)], 1) << "row " << row;

      const auto left = rows_left({0, farm.rows}, done);
      farm.jobs.clear();
      for (const Partition& partition : farm.partitions)
        for (const RowRange& rows : left)
          if (common(rows, partition.rows).size() > 0) farm.jobs.push_back({0, partition.id, 1, partition.rows});
      farm.recorder = testing_support::Recorder();
      farm.run(master);
      const auto after = farm.work.writes(ranks);
      for (const std::int64_t count : after) ASSERT_GE(count, 1);
      for (const RowRange& rows : done)
        for (std::int64_t row = rows.begin; row < rows.end; ++row)
          ASSERT_EQ(after[static_cast<std::size_t>(row)], 1) << "done twice: row " << row;
    }
}

/// Waits until another rank has made a file.
void wait_for(const std::string& path) {
  while (!std::filesystem::exists(path)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST_F(FailingFarm, GivesTheWorkOfASilentRankToOthersAndIgnoresItsLateReports) {
  if (ranks.size() == 1) GTEST_SKIP() << "there are no others";
  std::unique_ptr<testing_support::Folder> folder;
  if (ranks.is_first()) folder = std::make_unique<testing_support::Folder>();
  const std::string path = ranks.broadcast(folder ? folder->path() : ""), lost = path + "/lost", back = path + "/back";
  Farm farm(ranks, 20, 1);
  farm.options.heartbeat_s = 1.0;
  farm.recorder.on_outcome = [&](const JobOutcome& outcome) {
    if (outcome.end == JobEnd::lost) testing_support::write_file(lost, "");
  };
  if (ranks.rank() == 1) {
    farm.work.on_read = [&](RowRange) { wait_for(lost); };  // its main thread says nothing until it is given up
    farm.work.on_write = [&](RowRange) { testing_support::write_file(back, ""); };
  } else {
    farm.work.on_compute = [&](RowRange) { wait_for(back); };  // the farm is not over before it has come back
  }
  const FarmReport report = farm.run("compute");
  for (const std::int64_t count : farm.work.writes(ranks)) EXPECT_GE(count, 1);
  EXPECT_FALSE(ranks.has_lost_ranks());
  if (!ranks.is_first()) return;
  EXPECT_EQ(report.rows, farm.rows);  // nothing counts twice
  EXPECT_TRUE(report.failures.empty());
  EXPECT_TRUE(farm.recorder.all_ended());
  std::vector<RowRange> done;
  for (const JobOutcome& outcome : farm.recorder.outcomes) {
    if (outcome.succeeded()) {
      done.push_back(outcome.job.rows);
    } else {
      EXPECT_EQ(outcome.end, JobEnd::lost);
      EXPECT_EQ(outcome.rank, 1);
      EXPECT_TRUE(contains(outcome.message, "rank 1 was silent"));
    }
  }
  EXPECT_EQ(done.size(), 20U);
  EXPECT_TRUE(rows_left({0, farm.rows}, done).empty());
  EXPECT_GT(farm.recorder.outcomes.size(), 20U);
}

/// The threads that it leaves behind hang to the end of the process, which must end all the same.
TEST_F(FailingFarm, LeavesAKernelThatHangsToItselfAndGoesOn) {
  Farm farm(ranks, 22, 1);
  farm.options.fault = "hang@3,hang@9:1";
  farm.options.timeout_s = 0.2;
  expect_failed(farm, farm.run(), {{3, "took longer than 0.2 s"}});
  std::int64_t hanging[] = {has_hung_thread()};
  ranks.sum(hanging);
  EXPECT_GE(hanging[0], 1);
  Farm next(ranks, 40, 3);
  next.run();
  next.expect_writes(1);
}

}  // namespace
}  // namespace skyfold
