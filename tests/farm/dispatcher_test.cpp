#include "skyfold/farm/dispatcher.hpp"

#include <gtest/gtest.h>

#include <map>

#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

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
  EXPECT_EQ(given[0].attempt, 1);
}

TEST(Dispatcher, ServesEachRequestOnce) {
  const auto partitions = partitions_of(5);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 1);
  dispatcher.request(0, 0);
  dispatcher.request(0, 0);  // replaces the one before
  EXPECT_EQ(dispatcher.take().size(), 1U);
  EXPECT_TRUE(dispatcher.take().empty());
}

TEST(Dispatcher, ParksAPrefetchAtTheTailUntilItsWorkerIsIdle) {
  const auto partitions = partitions_of(3);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 2);
  dispatcher.request(0, 1);  // three left for two workers: not yet the tail
  EXPECT_EQ(dispatcher.take().size(), 1U);
  dispatcher.request(0, 1);
  EXPECT_TRUE(dispatcher.take().empty());
  dispatcher.request(1, 0);  // an idle worker goes first
  const auto given = dispatcher.take();
  ASSERT_EQ(given.size(), 1U);
  EXPECT_EQ(given[0].worker, 1);
  dispatcher.request(0, 0);
  EXPECT_EQ(dispatcher.take().size(), 1U);
}

TEST(Dispatcher, IsDoneOnlyWhenEverythingHandedOutHasEnded) {
  const auto partitions = partitions_of(1);
  Dispatcher dispatcher(jobs_of(partitions, 1), partitions, 1);
  EXPECT_FALSE(dispatcher.is_done());
  dispatcher.request(0, 0);
  const auto given = dispatcher.take();
  EXPECT_FALSE(dispatcher.is_done());
  EXPECT_FALSE(dispatcher.finished(given[0], true));
  EXPECT_TRUE(dispatcher.is_done());
}

TEST(Dispatcher, TriesAFailedJobOnceMoreAfterTheOthersCutIntoItsPartitions) {
  const auto partitions = partitions_of(4);
  Dispatcher dispatcher(jobs_of(partitions, 3), partitions, 1);
  dispatcher.request(0, 0);
  EXPECT_FALSE(dispatcher.finished(dispatcher.take().at(0), false));
  std::vector<Assignment> rest;
  for (int worker = 0; worker < 5; ++worker) dispatcher.request(worker, 0);
  rest = dispatcher.take();
  ASSERT_EQ(rest.size(), 4U);
  EXPECT_EQ(rest[0].job.rows, (RowRange{30, 40}));  // the job not yet tried comes first
  EXPECT_EQ(rest[0].attempt, 1);
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(rest[i].attempt, 2);
    EXPECT_EQ(rest[i].job.partition_count, 1);
    EXPECT_EQ(rest[i].job.rows, partitions[i - 1].rows);
    EXPECT_GE(rest[i].job.id, 2);
  }
}

TEST(Dispatcher, TriesAPartOfAPartitionOnceMoreAsItIs) {
  const auto partitions = partitions_of(1);
  Dispatcher dispatcher({{0, 0, 1, {0, 4}}, {1, 0, 1, {4, 10}}}, partitions, 2);
  dispatcher.request(0, 0);
  EXPECT_FALSE(dispatcher.finished(dispatcher.take().at(0), false));
  dispatcher.request(0, 0);
  (void)dispatcher.take();
  dispatcher.request(0, 0);
  const Assignment again = dispatcher.take().at(0);
  EXPECT_EQ(again.job.rows, (RowRange{0, 4}));
  EXPECT_EQ(again.attempt, 2);
  EXPECT_TRUE(dispatcher.finished(again, false));  // for good
}

/// Runs a farm in virtual time: workers hold up to two jobs, finish in random order, and fail at random.
struct Simulation {
  std::int64_t partition_count, per_job;
  int workers;
  std::uint64_t seed;
  double failure_rate;

  std::vector<int> done, lost, tries;   ///< by row / 10
  std::int64_t steps = 0;

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
        hands[given.worker].push_back(given);
        dispatcher.request(given.worker, static_cast<int>(hands[given.worker].size()));
      }
      const int worker = static_cast<int>(random.next() % static_cast<std::uint32_t>(workers));
      if (hands[worker].empty()) continue;
      const Assignment ended = hands[worker].front();
      hands[worker].erase(hands[worker].begin());
      const bool succeeded = random.uniform() >= failure_rate;
      const bool is_final = dispatcher.finished(ended, succeeded);
      for (std::int64_t row = ended.job.rows.begin; row < ended.job.rows.end; row += 10) {
        const auto i = static_cast<std::size_t>(row / 10);
        done[i] += succeeded;
        lost[i] += is_final;
        ++tries[i];
      }
      dispatcher.request(worker, static_cast<int>(hands[worker].size()));
    }
  }
};

TEST(DispatcherInAnyOrder, GivesEveryJobExactlyOnceWhenNothingFails) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Simulation farm{static_cast<std::int64_t>(seed * 3), 1 + static_cast<std::int64_t>(seed % 4), 1 + static_cast<int>(seed % 7), seed, 0.0, {}, {}, {}};
    farm.run();
    for (std::size_t i = 0; i < farm.done.size(); ++i) ASSERT_TRUE(farm.done[i] == 1 && farm.tries[i] == 1) << "seed " << seed;
  }
}

TEST(DispatcherInAnyOrder, TriesEveryPartitionAtMostTwiceAndLosesWhatFailedTwice) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Simulation farm{40, 1 + static_cast<std::int64_t>(seed % 5), 1 + static_cast<int>(seed % 6), seed, 0.4, {}, {}, {}};
    farm.run();
    for (std::size_t i = 0; i < farm.done.size(); ++i) {
      ASSERT_EQ(farm.done[i] + farm.lost[i], 1) << "seed " << seed;
      ASSERT_EQ(farm.tries[i] == 1, farm.done[i] == 1 && farm.tries[i] == 1);
      ASSERT_LE(farm.tries[i], Dispatcher::max_attempts);
      if (farm.lost[i]) {
        ASSERT_EQ(farm.tries[i], Dispatcher::max_attempts);
      }
    }
  }
}

}  // namespace
}  // namespace skyfold
