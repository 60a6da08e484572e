#include "skyfold/farm/farm.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "../support.hpp"
#include "fake_farm.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::Farm;
using testing_support::OnRanks;
using testing_support::PlantedFaults;

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
  PlantedFaults faults;
  faults.together = 60;
  Farm farm(ranks, 12, 4, faults);
  const FarmReport report = farm.run();
  const auto writes = farm.work.writes(ranks);
  EXPECT_TRUE(std::all_of(writes.begin(), writes.end(), [](std::int64_t n) { return n >= 1; }));
  if (!ranks.is_first()) return;
  EXPECT_TRUE(report.failures.empty());
  EXPECT_EQ(report.rows, farm.rows);  // the rows of the failed attempt are not counted
  const auto failed =
      std::count_if(farm.recorder.outcomes.begin(), farm.recorder.outcomes.end(), [](const JobOutcome& o) { return !o.succeeded(); });
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(farm.recorder.outcomes.size(), 3U + 4U);
}

TEST_F(RunFarm, GivesUpOnlyThePartitionThatFailsTwiceAndMarksItsRows) {
  PlantedFaults faults;
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
  EXPECT_EQ(report.failures[0].attempt(), 2);
  EXPECT_EQ(report.failures[0].message, "cursed row 60");
  EXPECT_EQ(report.rows, farm.rows - 25);
}

/// The run ends with the same error on every rank, and the next run is not disturbed.
void expect_lost_run(Ranks& ranks, const PlantedFaults& faults, const std::string& message, int fails_at = -1) {
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
  PlantedFaults faults;
  faults.unreadable = 333;
  expect_lost_run(ranks, faults, "row 333 cannot be read");
}
TEST_F(RunFarm, EndsOnEveryRankWithAnErrorOfWriting) {
  PlantedFaults faults;
  faults.unwritable = 333;
  expect_lost_run(ranks, faults, "row 333 cannot be written");
}
TEST_F(RunFarm, EndsOnEveryRankWithAnErrorOfSyncing) {
  PlantedFaults faults;
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

FarmOptions mastered(const std::string& master) {
  FarmOptions o;
  o.master = master;
  return o;
}

TEST(WorkerCount, CountsRankZeroUnlessItIsDedicated) {
  EXPECT_EQ(worker_count(mastered("auto"), 1), 1);
  EXPECT_EQ(worker_count(mastered("auto"), 4), 4);
  EXPECT_EQ(worker_count(mastered("auto"), 5), 4);
  EXPECT_EQ(worker_count(mastered("compute"), 100), 100);
  EXPECT_EQ(worker_count(mastered("dedicated"), 2), 1);
  EXPECT_EQ(worker_count(mastered("dedicated"), 1), 1);  // somebody must compute
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
  EXPECT_EQ(counts,
            (std::vector<std::int64_t>{ranks.size(), ranks.size() * (ranks.size() - 1) / 2, ranks.size() * (std::int64_t{1} << 40)}));
  std::vector<double> low = {1.5 * ranks.rank(), -1.0 * ranks.rank()}, high = low;
  ranks.min(low);
  ranks.max(high);
  EXPECT_EQ(low, (std::vector<double>{0.0, -1.0 * (ranks.size() - 1)}));
  EXPECT_EQ(high, (std::vector<double>{1.5 * (ranks.size() - 1), 0.0}));
}

TEST_F(RanksTogether, ExchangeWhatMpiSendsInPieces) {
  std::vector<std::int64_t> counts(300'001);
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = static_cast<std::int64_t>(i) * (ranks.rank() + 1);
  ranks.sum(counts);
  const std::int64_t shares = ranks.size() * (ranks.size() + 1) / 2;
  for (std::size_t i = 0; i < counts.size(); ++i) ASSERT_EQ(counts[i], static_cast<std::int64_t>(i) * shares);
  const std::string text(1'000'000, static_cast<char>('a' + ranks.rank()));
  EXPECT_EQ(ranks.broadcast(text), std::string(1'000'000, 'a'));
  const auto all = ranks.gather(text);
  for (int rank = 0; rank < ranks.size(); ++rank)
    EXPECT_EQ(all[static_cast<std::size_t>(rank)], std::string(1'000'000, static_cast<char>('a' + rank)));
}

TEST_F(RanksTogether, ThrowTheErrorOfTheLowestRankOnAll) {
  const int last = ranks.size() - 1, first = std::min(1, last);
  for (int round = 0; round < 3; ++round) {
    try {
      ranks.together([&] {
        if (ranks.rank() >= first) throw DataError("it is " + std::to_string(ranks.rank()));
      });
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::data);
      EXPECT_EQ(error.what(), std::string(first > 0 ? "rank 1: " : "") + "it is " + std::to_string(first))
          << "the rank is told if rank 0 is well";
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
  }),
            "made");
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
                       }),
                       "unit 5"));
}

TEST_F(RanksTogether, HaveAtLeastOneThreadEachAndAsManyAsAreAskedFor) {
  EXPECT_GE(ranks.threads(0), 1);
  EXPECT_EQ(ranks.threads(3), 3);
}

}  // namespace
}  // namespace skyfold
