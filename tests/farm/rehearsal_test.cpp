#include "skyfold/farm/rehearsal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>

#include "../plan_support.hpp"
#include "shared_processors.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

using testing_support::partitions_of;

CostProfile same_cost(std::int64_t rows, BlockCost per_row) { return CostProfile({{{0, rows}, per_row}}); }

double phase(const Rehearsal& rehearsal, Phase phase) { return rehearsal.rank_s[static_cast<std::size_t>(phase)]; }

RehearsalMachine machine_of(int ranks) {
  RehearsalMachine machine;
  machine.ranks = ranks;
  return machine;
}

FarmOptions options_of(const std::string& master, long block_rows = 1'000'000) {
  FarmOptions o;
  o.master = master;
  o.block_rows = block_rows;
  return o;
}

TEST(CostProfile, SumsWhatTheRowsOfARangeCostAndTakesTheMeanForRowsUnknown) {
  const CostProfile costs({{{0, 10}, {0.0, 1.0, 0.0}}, {{20, 30}, {0.5, 3.0, 0.25}}});
  EXPECT_DOUBLE_EQ(costs.mean().compute_s, 2.0);
  EXPECT_DOUBLE_EQ(costs.of({2, 5}).compute_s, 3.0);
  EXPECT_DOUBLE_EQ(costs.of({8, 22}).compute_s, 2 * 1.0 + 10 * 2.0 + 2 * 3.0);
  EXPECT_DOUBLE_EQ(costs.of({25, 40}).read_s, 5 * 0.5 + 10 * 0.25);
  EXPECT_DOUBLE_EQ(costs.of({25, 27}).write_s, 0.5);
}

TEST(SharedProcessors, RunTasksAtFullSpeedUntilThereAreMoreThanCores) {
  SharedProcessors node(2);
  node.start({1, true}, 1, 10.0, 0.0);
  node.start({2, true}, 1, 4.0, 0.0);
  EXPECT_DOUBLE_EQ(*node.next_end_s(), 4.0);
  node.start({3, true}, 2, 3.0, 1.0);  // four threads on two cores: half speed
  EXPECT_DOUBLE_EQ(*node.next_end_s(), 7.0);
  const auto ended = node.end(7.0);
  ASSERT_EQ(ended.size(), 2U);  // 2 and 3 both had 3 s left at 1 s
  EXPECT_DOUBLE_EQ(*node.next_end_s(), 7.0 + 6.0);
}

/// One job of ten blocks of ten rows on one rank, whose reading and writing have a core of their own.
Rehearsal ten_blocks_alone(BlockCost per_row, double sync_s = 0.0) {
  const auto partitions = partitions_of({100});
  RehearsalMachine machine = machine_of(1);
  machine.cores_per_node = 2;
  machine.sync_s = sync_s;
  return rehearse_farm(build_jobs(partitions, {"1"}), partitions, options_of("auto", 10), machine, same_cost(100, per_row));
}

TEST(Rehearsal, OfOneRankReadsTheFirstBlockComputesAllAndWritesTheLast) {
  const Rehearsal r = ten_blocks_alone({0.01, 1.0, 0.02}, 0.5);
  EXPECT_NEAR(r.farm_s, 0.1 + 100.0 + 0.2 + 0.5, 1e-9);
  EXPECT_NEAR(phase(r, Phase::compute), 100.0, 1e-9);
  EXPECT_NEAR(phase(r, Phase::read), 0.1, 1e-9);
  EXPECT_NEAR(phase(r, Phase::write), 0.2, 1e-9);
  EXPECT_NEAR(phase(r, Phase::sync), 0.5, 1e-9);
}

TEST(Rehearsal, ThatReadsMoreSlowlyThanItComputesTakesTheTimeOfReading) {
  const Rehearsal r = ten_blocks_alone({1.0, 0.2, 0.0});
  EXPECT_NEAR(r.farm_s, 100.0 + 2.0, 1e-9);  // the last block is computed after the last reading
}

TEST(Rehearsal, ThatWritesMoreSlowlyThanItComputesTakesTheTimeOfWriting) {
  const Rehearsal r = ten_blocks_alone({0.0, 0.2, 1.0});
  EXPECT_NEAR(r.farm_s, 2.0 + 100.0, 1e-9);  // the first block is computed before the first writing
}

/// Makespan of jobs that idle ranks take from a queue, by the textbook's method (Graham 1966).
double list_schedule(const std::vector<double>& jobs, int workers) {
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (int i = 0; i < workers; ++i) free_at.push(0.0);
  double end = 0.0;
  for (const double job : jobs) {
    const double start = free_at.top();
    free_at.pop();
    free_at.push(start + job);
    end = std::max(end, start + job);
  }
  return end;
}

class Rehearsals : public testing::TestWithParam<int> {};

TEST_P(Rehearsals, WithoutPrefetchAndCostsOfTheFarmAreListSchedules) {
  std::vector<std::int64_t> sizes;
  ObjectRandom random(5, 0);
  for (int i = 0; i < 200; ++i) sizes.push_back(1 + static_cast<std::int64_t>(1000.0 * random.uniform()));
  const auto partitions = partitions_of(sizes);
  const auto jobs = build_jobs(partitions, {"1", "longest"});
  std::vector<double> seconds;
  for (const Job& job : jobs) seconds.push_back(0.001 * static_cast<double>(job.rows.size()));
  const int workers = GetParam();
  RehearsalMachine machine = machine_of(workers + 1);
  machine.prefetches = false;
  const Rehearsal r =
      rehearse_farm(jobs, partitions, options_of("dedicated"), machine, same_cost(partitions.back().rows.end, {0.0, 0.001, 0.0}));
  // A rank asks for the next job once the one before is synced, at once when it has no other.
  EXPECT_NEAR(r.farm_s, list_schedule(seconds, workers), 1e-6);
  EXPECT_EQ(r.jobs, 200);
}

TEST_P(Rehearsals, AccountForEverySecondOfEveryRank) {
  const auto partitions = partitions_of(std::vector<std::int64_t>(300, 50));
  for (const char* master : {"compute", "dedicated"}) {
    RehearsalMachine machine = machine_of(GetParam() + 1);
    machine.ranks_per_node = 4;
    machine.cores_per_node = 2;
    machine.message_s = 0.01;
    machine.sync_s = 0.02;
    const Rehearsal r = rehearse_farm(build_jobs(partitions, {"auto", "longest", GetParam()}), partitions, options_of(master, 20), machine,
                                      same_cost(15'000, {1e-3, 2e-2, 1e-3}));
    EXPECT_NEAR(std::accumulate(r.rank_s.begin(), r.rank_s.end(), 0.0), machine.ranks * r.farm_s, 1e-6 * r.farm_s);
    EXPECT_NEAR(r.thread_s, 300.0, 1e-6);
    EXPECT_GE(r.farm_s, 15'000 * 2e-2 / std::min(2.0 * std::ceil(machine.ranks / 4.0), static_cast<double>(machine.ranks)) - 1e-9);
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, Rehearsals, testing::Values(1, 2, 3, 17, 64));

TEST(Rehearsal, OfMoreRanksThanCoresComputesAtTheSpeedOfTheCores) {
  const auto partitions = partitions_of(std::vector<std::int64_t>(800, 10));
  RehearsalMachine machine = machine_of(8);
  machine.ranks_per_node = 8;
  machine.cores_per_node = 2;
  const Rehearsal r =
      rehearse_farm(build_jobs(partitions, {"1"}), partitions, options_of("compute"), machine, same_cost(8000, {0.0, 0.01, 0.0}));
  EXPECT_NEAR(r.farm_s, 40.0, 0.4);
  EXPECT_NEAR(phase(r, Phase::compute), 8 * 40.0, 3.0);
}

TEST(Rehearsal, WhoseRankZeroIsSaturatedTakesTheTimeOfItsMessages) {
  const auto partitions = partitions_of(std::vector<std::int64_t>(1000, 1));
  RehearsalMachine machine = machine_of(500);
  machine.message_s = 0.1;
  const Rehearsal r =
      rehearse_farm(build_jobs(partitions, {"1"}), partitions, options_of("dedicated"), machine, same_cost(1000, {0.0, 0.5, 0.0}));
  EXPECT_NEAR(r.serving_s, 100.0, 1e-9);
  EXPECT_GT(r.farm_s, 100.0 - 1e-9);
  EXPECT_LT(r.farm_s, 102.0);
}

TEST(Rehearsal, SlowsComputingByTheRanksThatComputeAtTheTime) {
  const auto partitions = partitions_of({10, 10, 10});
  RehearsalMachine machine = machine_of(4);
  machine.contention = 0.5;
  const Rehearsal r =
      rehearse_farm(build_jobs(partitions, {"1"}), partitions, options_of("dedicated"), machine, same_cost(30, {0.0, 1.0, 0.0}));
  EXPECT_NEAR(r.farm_s, 20.0, 1e-9);  // the third to begin computes beside two others
  EXPECT_NEAR(r.thread_s, 30.0, 1e-9);
}

TEST(Rehearsal, ThatPrefetchesHidesTheBeginningOfJobs) {
  const auto partitions = partitions_of(std::vector<std::int64_t>(50, 10));
  RehearsalMachine machine = machine_of(2);
  machine.job_s = 1.0;
  const auto time = [&](bool prefetches) {
    machine.prefetches = prefetches;
    return rehearse_farm(build_jobs(partitions, {"1"}), partitions, options_of("dedicated"), machine, same_cost(500, {0.0, 0.2, 0.0}))
        .farm_s;
  };
  EXPECT_NEAR(time(false), 50 * 3.0, 1e-6);
  EXPECT_LT(time(true), 50 * 2.0 + 3.0);
}

TEST(Rehearsal, OfAHundredThousandRanksIsATaskOfSeconds) {
  const auto partitions = partitions_of(std::vector<std::int64_t>(3373, 37'540));
  JobOptions o{"auto", "longest", 100'000};
  RehearsalMachine machine = machine_of(100'000);
  machine.ranks_per_node = machine.cores_per_node = 24;
  machine.message_s = 35e-6;
  const Rehearsal r = rehearse_farm(build_jobs(partitions, o), partitions, options_of("dedicated"), machine,
                                    same_cost(partitions.back().rows.end, {0.0, 3e-5, 0.0}));
  EXPECT_NEAR(r.thread_s, 3373 * 37'540 * 3e-5, 1e-3);
  EXPECT_GT(r.jobs, 1000);
}

}  // namespace
}  // namespace skyfold
