#include "skyfold/farm/dispatcher.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

using Verdict = Dispatcher::Verdict;

/// `n` partitions of ten rows.
std::vector<Partition> partitions_of(std::int64_t n) {
  std::vector<Partition> partitions;
  for (std::int64_t i = 0; i < n; ++i) partitions.push_back({i, "p", {10 * i, 10 * i + 10}, 10.0});
  return partitions;
}

/// Jobs of `per_job` partitions each.
std::vector<Job> jobs_of(std::span<const Partition> partitions, std::int64_t per_job) {
  std::vector<Job> jobs;
  for (std::int64_t first = 0; first < std::ssize(partitions); first += per_job) {
    const std::int64_t count = std::min(per_job, std::ssize(partitions) - first);
    jobs.push_back({std::ssize(jobs), first, count, {10 * first, 10 * (first + count)}});
  }
  return jobs;
}

TEST(Dispatcher, WithoutJobsIsDoneAndHasNothingToGive) {
  Dispatcher dispatcher({}, {}, 3);
  dispatcher.request(0, 0);
  EXPECT_TRUE(dispatcher.take().empty());
  EXPECT_TRUE(dispatcher.is_done());
}

TEST(Dispatcher, HandsOutJobsInTheirOrderToWorkersInTheOrderOfTheirRequests) {
  const auto partitions = partitions_of(3);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 1);
  dispatcher.request(2, 0);
  dispatcher.request(1, 0);
  const auto given = dispatcher.take();
  ASSERT_EQ(given.size(), 2U);
  EXPECT_EQ(given[0].worker, 2);
  EXPECT_EQ(given[0].job.id, 0);
  EXPECT_EQ(given[1].worker, 1);
  EXPECT_EQ(given[1].job.id, 1);
  EXPECT_EQ(given[0].attempt(), 1);
}

TEST(Dispatcher, ServesEachRequestOnce) {
  const auto partitions = partitions_of(5);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 1);
  dispatcher.request(0, 0);
  dispatcher.request(0, 0);  // replaces the one before
  EXPECT_EQ(dispatcher.take().size(), 1U);
  EXPECT_TRUE(dispatcher.take().empty());
}

TEST(Dispatcher, ParksAPrefetchOfAWorkerThatHasItsShareUntilItIsIdle) {
  const auto partitions = partitions_of(3);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 2);
  dispatcher.request(0, 15);  // of 30 rows left each of two workers may expect 15
  EXPECT_EQ(dispatcher.take().size(), 1U);
  dispatcher.request(0, 11);  // of 20 rows, 10
  EXPECT_TRUE(dispatcher.take().empty());
  dispatcher.request(1, 0);  // an idle worker goes first
  const auto given = dispatcher.take();
  ASSERT_EQ(given.size(), 1U);
  EXPECT_EQ(given[0].worker, 1);
  dispatcher.request(0, 0);
  EXPECT_EQ(dispatcher.take().size(), 1U);
}

TEST(Dispatcher, ServesThoseWithTheLeastInHandFirst) {
  const auto partitions = partitions_of(100);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 3);
  dispatcher.request(0, 200);
  dispatcher.request(1, 500);  // more than a third of what is left
  dispatcher.request(2, 20);
  const auto given = dispatcher.take();
  ASSERT_EQ(given.size(), 2U);
  EXPECT_EQ(given[0].worker, 2);
  EXPECT_EQ(given[1].worker, 0);
}

TEST(Dispatcher, ServesIdleWorkersBeforeThosePrefetching) {
  const auto partitions = partitions_of(6);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 2);
  dispatcher.request(0, 1);
  dispatcher.request(1, 0);
  const auto given = dispatcher.take();
  ASSERT_EQ(given.size(), 2U);
  EXPECT_EQ(given[0].worker, 1);
  EXPECT_EQ(given[1].worker, 0);
}

TEST(Dispatcher, ForgetsAPrefetchOnceItsWorkerAsksIdle) {
  const auto partitions = partitions_of(2);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 2);
  dispatcher.request(0, 15);
  EXPECT_TRUE(dispatcher.take().empty());
  dispatcher.request(0, 0);
  EXPECT_EQ(dispatcher.take().size(), 1U);
  EXPECT_TRUE(dispatcher.take().empty());
}

TEST(Dispatcher, IsDoneOnlyWhenEverythingHandedOutHasEnded) {
  const auto partitions = partitions_of(1);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 1);
  EXPECT_FALSE(dispatcher.is_done());
  dispatcher.request(0, 0);
  const auto given = dispatcher.take();
  EXPECT_FALSE(dispatcher.is_done());
  EXPECT_EQ(dispatcher.finished(given[0].job.id, true), Verdict::accepted);
  EXPECT_TRUE(dispatcher.is_done());
}

TEST(Dispatcher, TriesAFailedJobOnceMoreAfterTheOthersCutIntoItsPartitions) {
  const auto partitions = partitions_of(4);
  Dispatcher dispatcher(jobs_of(partitions, 3), partitions, 1);
  dispatcher.request(0, 0);
  EXPECT_EQ(dispatcher.finished(dispatcher.take().at(0).job.id, false), Verdict::retried);
  std::vector<Assignment> rest;
  for (int worker = 0; worker < 5; ++worker) dispatcher.request(worker, 0);
  rest = dispatcher.take();
  ASSERT_EQ(rest.size(), 4U);
  EXPECT_EQ(rest[0].job.rows, (RowRange{30, 40}));  // the job not yet tried comes first
  EXPECT_EQ(rest[0].attempt(), 1);
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(rest[i].attempt(), 2);
    EXPECT_EQ(rest[i].job.attempts, 1);
    EXPECT_EQ(rest[i].job.partition_count, 1);
    EXPECT_EQ(rest[i].job.rows, partitions[i - 1].rows);
    EXPECT_GE(rest[i].job.id, 2);
  }
}

TEST(Dispatcher, TriesAPartOfAPartitionOnceMoreAsItIs) {
  const auto partitions = partitions_of(1);
  Dispatcher dispatcher({{0, 0, 1, {0, 4}}, {1, 0, 1, {4, 10}}}, partitions, 2);
  dispatcher.request(0, 0);
  EXPECT_EQ(dispatcher.finished(dispatcher.take().at(0).job.id, false), Verdict::retried);
  dispatcher.request(0, 0);
  (void)dispatcher.take();
  dispatcher.request(0, 0);
  const Assignment again = dispatcher.take().at(0);
  EXPECT_EQ(again.job.rows, (RowRange{0, 4}));
  EXPECT_EQ(again.attempt(), 2);
  EXPECT_EQ(dispatcher.finished(again.job.id, false), Verdict::given_up);
}

TEST(Dispatcher, CountsTheAttemptsThatWereMadeBefore) {
  const auto partitions = partitions_of(2);
  Dispatcher dispatcher({{0, 0, 1, {0, 10}, 1}, {1, 1, 1, {10, 20}, 0}}, partitions, 1);
  dispatcher.request(0, 0);
  const Assignment given = dispatcher.take().at(0);
  EXPECT_EQ(given.attempt(), 2);
  EXPECT_EQ(dispatcher.finished(given.job.id, false), Verdict::given_up);
}

TEST(Dispatcher, CutsAFailedJobAtTheRowsItHad) {
  const auto partitions = partitions_of(3);
  Dispatcher dispatcher({{0, 0, 3, {4, 27}}}, partitions, 1);  // what an earlier attempt had left
  dispatcher.request(0, 0);
  EXPECT_EQ(dispatcher.finished(dispatcher.take().at(0).job.id, false), Verdict::retried);
  for (int worker = 0; worker < 3; ++worker) dispatcher.request(worker, 0);
  const auto rest = dispatcher.take();
  ASSERT_EQ(rest.size(), 3U);
  const RowRange expected[] = {{4, 10}, {10, 20}, {20, 27}};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(rest[i].job.first_partition, static_cast<std::int64_t>(i));
    EXPECT_EQ(rest[i].job.rows, expected[i]);
  }
}

TEST(DispatcherThatLosesAWorker, GivesItsJobsToOthersUnderNewNumbersAndKnowsItsLateReportsNoMore) {
  const auto partitions = partitions_of(4);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 2);
  dispatcher.request(1, 0);
  const Assignment first = dispatcher.take().at(0);
  dispatcher.request(1, 1);
  const Assignment second = dispatcher.take().at(0);
  dispatcher.request(1, 1);  // a request that dies with it

  const auto held = dispatcher.lost(1);
  ASSERT_EQ(held.size(), 2U);
  EXPECT_EQ(held[0].job.rows, first.job.rows);
  EXPECT_EQ(held[1].job.rows, second.job.rows);
  for (const Assignment& assignment : held) EXPECT_EQ(dispatcher.finished(assignment.job.id, false), Verdict::retried);

  std::map<std::int64_t, Assignment> given;
  for (int i = 0; i < 4; ++i) {
    dispatcher.request(2, 0);
    const Assignment assignment = dispatcher.take().at(0);
    EXPECT_EQ(assignment.worker, 2);
    given.emplace(assignment.job.rows.begin, assignment);
  }
  ASSERT_EQ(given.size(), 4U);
  for (const Assignment& late : {first, second}) {
    EXPECT_EQ(given.at(late.job.rows.begin).attempt(), 2);
    EXPECT_EQ(dispatcher.finished(late.job.id, true), Verdict::unknown);
    EXPECT_EQ(dispatcher.finished(late.job.id, false), Verdict::unknown);
  }
  EXPECT_FALSE(dispatcher.is_done());
  for (const auto& [row, assignment] : given) EXPECT_EQ(dispatcher.finished(assignment.job.id, true), Verdict::accepted);
  EXPECT_TRUE(dispatcher.is_done());
  EXPECT_EQ(dispatcher.finished(given.at(0).job.id, true), Verdict::unknown);  // an end counts once
}

TEST(DispatcherThatLosesAWorker, LosesNothingWhenItHadNothing) {
  const auto partitions = partitions_of(1);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 2);
  dispatcher.request(1, 0);
  EXPECT_TRUE(dispatcher.lost(1).empty());
  EXPECT_TRUE(dispatcher.take().empty());  // its request is forgotten
  EXPECT_TRUE(dispatcher.lost(1).empty());
  dispatcher.request(2, 0);
  EXPECT_EQ(dispatcher.take().size(), 1U);
}

TEST(DispatcherThatLosesAWorker, GivesUpWhatKillsTwoOfThem) {
  const auto partitions = partitions_of(1);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 3);
  for (int worker = 1; worker <= 2; ++worker) {
    dispatcher.request(worker, 0);
    (void)dispatcher.take();
    const auto held = dispatcher.lost(worker);
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(dispatcher.finished(held[0].job.id, false), worker == 1 ? Verdict::retried : Verdict::given_up);
  }
  EXPECT_TRUE(dispatcher.is_done());
}

/// Runs a farm in virtual time: workers hold up to two jobs, finish in random order, fail at random, and fall silent at
/// random; a silent worker reports what it had when it wakes up.
struct Simulation {
  std::int64_t partition_count, per_job;
  int workers;
  std::uint64_t seed;
  double failure_rate, silence_rate;

  std::vector<int> done, lost, tries;  ///< by row / 10
  std::int64_t steps = 0, late_reports = 0;
  std::set<std::int64_t> ids;

  void count(const Job& job, std::vector<int>& counts) const {
    for (std::int64_t row = job.rows.begin; row < job.rows.end; row += 10) ++counts[static_cast<std::size_t>(row / 10)];
  }
  void end(Dispatcher& dispatcher, const Job& job, bool succeeded) {
    const Verdict verdict = dispatcher.finished(job.id, succeeded);
    ASSERT_EQ(verdict == Verdict::accepted, succeeded);
    ASSERT_NE(verdict, Verdict::unknown);
    count(job, tries);
    if (succeeded) count(job, done);
    if (verdict == Verdict::given_up) count(job, lost);
  }

  void run() {
    const auto partitions = partitions_of(partition_count);
    done.assign(static_cast<std::size_t>(partition_count), 0);
    lost = tries = done;
    Dispatcher dispatcher(jobs_of(partitions, per_job), partitions, workers);
    std::map<int, std::vector<Assignment>> hands;
    ObjectRandom random(seed, 0);
    for (int worker = 0; worker < workers; ++worker) dispatcher.request(worker, 0);
    while (!dispatcher.is_done()) {
      ASSERT_LT(++steps, 100'000) << "the farm does not come to an end";
      for (const Assignment& given : dispatcher.take()) {
        ASSERT_TRUE(ids.insert(given.job.id).second) << "an attempt with the number of another";
        hands[given.worker].push_back(given);
        dispatcher.request(given.worker, static_cast<int>(hands[given.worker].size()));
      }
      const int worker = static_cast<int>(random.next() % static_cast<std::uint32_t>(workers));
      auto& hand = hands[worker];
      if (random.uniform() < silence_rate) {
        for (const Assignment& held : dispatcher.lost(worker)) end(dispatcher, held.job, false);
        for (const Assignment& late : hand) {
          ASSERT_EQ(dispatcher.finished(late.job.id, true), Verdict::unknown);
          ++late_reports;
        }
        hand.clear();
      } else if (!hand.empty()) {
        const Assignment ended = hand.front();
        hand.erase(hand.begin());
        end(dispatcher, ended.job, random.uniform() >= failure_rate);
      } else {
        continue;
      }
      dispatcher.request(worker, static_cast<int>(hand.size()));
    }
  }
};

TEST(DispatcherInAnyOrder, GivesEveryJobExactlyOnceWhenNothingFails) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Simulation farm{static_cast<std::int64_t>(seed * 3),
                    1 + static_cast<std::int64_t>(seed % 4),
                    1 + static_cast<int>(seed % 7),
                    seed,
                    0.0,
                    0.0,
                    {},
                    {},
                    {},
                    0,
                    0,
                    {}};
    farm.run();
    for (std::size_t i = 0; i < farm.done.size(); ++i) ASSERT_TRUE(farm.done[i] == 1 && farm.tries[i] == 1) << "seed " << seed;
  }
}

/// Every partition is done or given up, once; it is given up exactly when two attempts at it failed.
void expect_all_ended(const Simulation& farm) {
  for (std::size_t i = 0; i < farm.done.size(); ++i) {
    ASSERT_EQ(farm.done[i] + farm.lost[i], 1) << "seed " << farm.seed;
    ASSERT_LE(farm.tries[i], Dispatcher::max_attempts);
    if (farm.lost[i]) {
      ASSERT_EQ(farm.tries[i], Dispatcher::max_attempts);
    }
  }
}

TEST(DispatcherInAnyOrder, TriesEveryPartitionAtMostTwiceAndLosesWhatFailedTwice) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Simulation farm{40, 1 + static_cast<std::int64_t>(seed % 5), 1 + static_cast<int>(seed % 6), seed, 0.4, 0.0, {}, {}, {}, 0, 0, {}};
    farm.run();
    expect_all_ended(farm);
  }
}

TEST(DispatcherInAnyOrder, DoesTheSameWhileWorkersFallSilentAndComeBack) {
  std::int64_t late_reports = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Simulation farm{40, 1 + static_cast<std::int64_t>(seed % 5), 1 + static_cast<int>(seed % 6), seed, 0.1, 0.2, {}, {}, {}, 0, 0, {}};
    farm.run();
    expect_all_ended(farm);
    late_reports += farm.late_reports;
  }
  EXPECT_GT(late_reports, 100);
}

}  // namespace
}  // namespace skyfold
