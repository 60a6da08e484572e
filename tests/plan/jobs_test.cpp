#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "../plan_support.hpp"
#include "../support.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::partitions_of;

std::vector<Partition> random_partitions(std::size_t n, std::uint64_t seed) {
  ObjectRandom random(seed, 0);
  std::vector<std::int64_t> sizes(n);
  for (std::int64_t& size : sizes) size = 1 + static_cast<std::int64_t>(100.0 * std::exp(1.5 * random.normal()));
  return partitions_of(sizes);
}

double rows_of(const std::vector<Partition>& partitions) {
  return partitions.empty() ? 0.0 : static_cast<double>(partitions.back().rows.end);
}

/// Every row in one job; a job is whole partitions, or a part of one; ids are places in the list.
void expect_cover(std::vector<Job> jobs, const std::vector<Partition>& partitions) {
  for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(jobs[i].id, static_cast<std::int64_t>(i));
  std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.rows.begin < b.rows.begin; });
  std::int64_t next = 0;
  for (const Job& job : jobs) {
    ASSERT_EQ(job.rows.begin, next);
    ASSERT_GT(job.rows.size(), 0);
    ASSERT_GE(job.partition_count, 1);
    next = job.rows.end;
    const Partition &first = partitions[static_cast<std::size_t>(job.first_partition)],
                    &last = partitions[static_cast<std::size_t>(job.first_partition + job.partition_count - 1)];
    if (job.partition_count > 1) {
      ASSERT_EQ(job.rows, (RowRange{first.rows.begin, last.rows.end}));
    } else {
      ASSERT_TRUE(job.rows.begin >= first.rows.begin && job.rows.end <= first.rows.end);
    }
  }
  EXPECT_EQ(next, static_cast<std::int64_t>(rows_of(partitions)));
}

class Plans : public testing::TestWithParam<std::tuple<std::size_t, int>> {
 protected:
  std::vector<Partition> partitions = random_partitions(std::get<0>(GetParam()), 7);
  int workers = std::get<1>(GetParam());
};

TEST_P(Plans, CoverEachRowOnce) {
  for (const char* per_job : {"auto", "1", "3", "1000000"}) expect_cover(build_jobs(partitions, {per_job, "longest", workers}), partitions);
}

TEST_P(Plans, HandOutTheLargestJobsFirst) {
  for (const char* per_job : {"auto", "3"}) {
    const auto jobs = build_jobs(partitions, {per_job, "longest", workers});
    for (std::size_t i = 1; i < jobs.size(); ++i) {
      ASSERT_GE(jobs[i - 1].rows.size() + 1, jobs[i].rows.size());
      if (jobs[i - 1].rows.size() == jobs[i].rows.size()) {
        ASSERT_LT(jobs[i - 1].rows.begin, jobs[i].rows.begin);
      }
    }
  }
}

TEST_P(Plans, KeepGuidedJobsWithinTheShareOfWhatRemains) {
  JobOptions o{"auto", "longest", workers};
  o.min_rows = 1;
  o.handing_out = 0.0;
  auto jobs = build_jobs(partitions, o);
  std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.rows.begin < b.rows.begin; });
  double remaining = rows_of(partitions);
  for (const Job& job : jobs) {
    const auto cost = static_cast<double>(job.rows.size());
    ASSERT_LE(cost, std::max(1.0, std::ceil(remaining / (2.0 * workers)))) << "rows " << job.rows.begin;  // whole rows
    remaining -= cost;
  }
}

TEST_P(Plans, JoinPartitionsWhileTheyFitTheShare) {
  JobOptions o{"auto", "longest", workers};
  o.min_rows = 1;
  o.handing_out = 0.0;
  auto jobs = build_jobs(partitions, o);
  std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.rows.begin < b.rows.begin; });
  double remaining = rows_of(partitions);
  for (const Job& job : jobs) {
    const auto next = static_cast<std::size_t>(job.first_partition + job.partition_count);
    const bool ends_a_partition = job.rows.end == partitions[next - 1].rows.end,
               begins_one = job.rows.begin == partitions[static_cast<std::size_t>(job.first_partition)].rows.begin;
    if (ends_a_partition && begins_one && next < partitions.size()) {
      ASSERT_GT(static_cast<double>(job.rows.size()) + partitions[next].cost, remaining / (2.0 * workers));
    }
    remaining -= static_cast<double>(job.rows.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Plans, testing::Combine(testing::Values(0, 1, 2, 50, 700), testing::Values(1, 3, 64)));

TEST(GuidedJobs, CutAPartitionThatOutweighsTheOthers) {
  const auto partitions = partitions_of({10, 1'000'000, 10});
  const auto jobs = build_jobs(partitions, {"auto", "longest", 4});
  expect_cover(jobs, partitions);
  EXPECT_GE(jobs.size(), 8U);
  for (const Job& job : jobs) EXPECT_LE(job.rows.size(), 1'000'020 / 8);
}

TEST(GuidedJobs, StayBelowTheLargestNumberOfRows) {
  const auto partitions = partitions_of({900, 100, 100, 5000, 1});
  JobOptions o{"auto", "longest", 1};
  o.max_rows = 1000;
  const auto jobs = build_jobs(partitions, o);
  expect_cover(jobs, partitions);
  for (const Job& job : jobs) EXPECT_LE(job.rows.size(), 1000);
}

TEST(GuidedJobs, CutNoPartitionIntoCrumbs) {
  const auto partitions = partitions_of({50'000});
  const auto jobs = build_jobs(partitions, {"auto", "longest", 1000});
  expect_cover(jobs, partitions);
  for (const Job& job : jobs) EXPECT_GE(job.rows.size(), 1000);
}

TEST(GuidedJobs, GiveRankZeroTheTimeToServeEveryRankOnce) {
  const auto partitions = partitions_of(std::vector<std::int64_t>(1000, 100));
  JobOptions o{"auto", "longest", 10};
  o.min_rows = 1;
  o.handing_out = 30.0;  // 10 workers: jobs of 300 rows and more
  const auto jobs = build_jobs(partitions, o);
  expect_cover(jobs, partitions);
  EXPECT_EQ(std::count_if(jobs.begin(), jobs.end(), [](const Job& job) { return job.rows.size() < 300; }), 0);
}

TEST(GuidedJobs, AreNearlyTheBestWhenHandingOutIsAllThatMatters) {
  const auto partitions = partitions_of(std::vector<std::int64_t>(3373, 100));
  JobOptions o{"auto", "longest", 100'000};  // so many that a rank computes one job at most
  o.min_rows = 1;
  o.handing_out = 1.0;
  const auto time = [&](double rows) { return o.handing_out * 337'300.0 / rows + rows; };  // hand out all, compute the last
  double best = 1e300;
  for (int rows = 100; rows < 10'000; rows += 100) best = std::min(best, time(rows));
  const auto jobs = build_jobs(partitions, o);
  EXPECT_LT(static_cast<double>(jobs.size()) + static_cast<double>(jobs.front().rows.size()), 1.1 * best);
}

TEST(FixedJobs, HoldTheNumberOfPartitionsAskedFor) {
  const auto partitions = random_partitions(10, 3);
  const auto jobs = build_jobs(partitions, {"4", "longest", 2});
  ASSERT_EQ(jobs.size(), 3U);
  for (const Job& job : jobs) EXPECT_EQ(job.partition_count, job.first_partition == 8 ? 2 : 4);
}

TEST(Jobs, RefuseACountThatIsNone) {
  for (const char* wrong : {"0", "-1", "few", "1.5", ""})
    EXPECT_TRUE(contains(error_of<UsageError>([&] { (void)build_jobs({}, {wrong, "longest", 1}); }), "auto or a count")) << wrong;
}

}  // namespace
}  // namespace skyfold
