#include <gtest/gtest.h>

#include <algorithm>

#include "skyfold/core/random.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {
namespace {

TEST(CommonRows, AreThoseInBothRanges) {
  for (std::int64_t a = 0; a < 6; ++a)
    for (std::int64_t b = a; b < 6; ++b)
      for (std::int64_t c = 0; c < 6; ++c)
        for (std::int64_t d = c; d < 6; ++d) {
          const RowRange rows = common({a, b}, {c, d});
          ASSERT_GE(rows.size(), 0);
          for (std::int64_t row = 0; row < 6; ++row)
            ASSERT_EQ(rows.begin <= row && row < rows.end, a <= row && row < b && c <= row && row < d)
                << a << ' ' << b << ' ' << c << ' ' << d;
        }
}

/// Row by row: whether it is in one of the ranges.
std::vector<bool> marked(const std::vector<RowRange>& ranges, std::int64_t rows) {
  std::vector<bool> marks(static_cast<std::size_t>(rows), false);
  for (const RowRange& range : ranges)
    for (std::int64_t row = range.begin; row < range.end; ++row)
      if (row >= 0 && row < rows) marks[static_cast<std::size_t>(row)] = true;
  return marks;
}

std::int64_t between(ObjectRandom& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random.next() % static_cast<std::uint32_t>(high - low + 1));
}

/// Random ranges, in any order, overlapping, some reaching beyond `rows`.
std::vector<RowRange> random_ranges(ObjectRandom& random, std::int64_t rows) {
  std::vector<RowRange> ranges(static_cast<std::size_t>(between(random, 0, 8)));
  for (RowRange& range : ranges) {
    range.begin = between(random, -5, rows + 5);
    range.end = range.begin + between(random, 1, 15);
  }
  return ranges;
}

TEST(RowsLeft, AreExactlyThoseNotDoneInOrderAndWithoutNeighbours) {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    ObjectRandom random(seed, 0);
    const std::int64_t rows = between(random, 1, 60), begin = between(random, 0, rows), end = between(random, begin, rows);
    const auto done = random_ranges(random, rows);
    const auto left = rows_left({begin, end}, done);
    const auto is_done = marked(done, rows), is_left = marked(left, rows);
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto i = static_cast<std::size_t>(row);
      ASSERT_EQ(is_left[i], row >= begin && row < end && !is_done[i]) << "seed " << seed << " row " << row;
    }
    for (std::size_t i = 0; i < left.size(); ++i) {
      ASSERT_GT(left[i].size(), 0);
      ASSERT_TRUE(left[i].begin >= begin && left[i].end <= end);
      if (i > 0) {
        ASSERT_GT(left[i].begin, left[i - 1].end);  // ranges that touch are one
      }
    }
  }
}

/// A plan of which some rows are done: pieces as an interrupted run leaves them.
struct LeftOver {
  explicit LeftOver(std::uint64_t seed) {
    ObjectRandom random(seed, 1);
    for (std::int64_t n = between(random, 0, 30); n > 0; --n) {
      const std::int64_t size = between(random, 1, 40);
      partitions.push_back({std::ssize(partitions), "p", {rows, rows + size}, static_cast<double>(size)});
      rows += size;
    }
    for (std::int64_t n = between(random, 0, 10); n > 0 && rows > 0; --n) {
      const std::int64_t begin = between(random, 0, rows - 1);
      done.push_back({begin, begin + between(random, 1, rows / 4 + 1)});
    }
    for (const Partition& partition : partitions)
      for (const RowRange& gap : rows_left(partition.rows, done))
        pieces.push_back({partition.id, partition.label, gap, static_cast<double>(gap.size())});
  }
  std::int64_t rows = 0;
  std::vector<Partition> partitions, pieces;
  std::vector<RowRange> done;
};

std::vector<RowRange> rows_of(const std::vector<Job>& jobs) {
  std::vector<RowRange> ranges;
  for (const Job& job : jobs) ranges.push_back(job.rows);
  return ranges;
}

TEST(JobsOfWhatIsLeft, CoverExactlyThatOnceAndNeverJoinOverAGap) {
  for (std::uint64_t seed = 0; seed < 500; ++seed)
    for (const char* per_job : {"auto", "1", "3", "1000"}) {
      const LeftOver plan(seed);
      JobOptions o{per_job, "rows", 3};
      o.min_rows = 1;
      o.max_rows = 25 + static_cast<std::int64_t>(seed % 100);
      const auto jobs = build_jobs(plan.pieces, o);
      const auto is_left = marked(rows_of(jobs), plan.rows), is_done = marked(plan.done, plan.rows);
      std::int64_t total = 0;
      for (const Job& job : jobs) total += job.rows.size();
      ASSERT_EQ(total, std::count(is_left.begin(), is_left.end(), true)) << "a row in two jobs";
      for (std::size_t i = 0; i < is_left.size(); ++i) ASSERT_NE(is_left[i], is_done[i]) << "seed " << seed << " row " << i;
      for (const Job& job : jobs)  // the job's partitions are those that its rows are of
        for (const Partition& partition : plan.partitions) {
          const bool is_named = partition.id >= job.first_partition && partition.id < job.first_partition + job.partition_count;
          ASSERT_EQ(common(partition.rows, job.rows).size() > 0, is_named) << "seed " << seed;
        }
    }
}

TEST(JobsInRowOrder, AreTheSameJobsAsLongestFirstInOrderOfTheirRows) {
  for (std::uint64_t seed = 0; seed < 100; ++seed)
    for (const char* per_job : {"auto", "2"}) {
      const LeftOver plan(seed);
      JobOptions o{per_job, "longest", 2};
      o.min_rows = 1;
      auto longest = rows_of(build_jobs(plan.pieces, o));
      o.order = "rows";
      const auto jobs = build_jobs(plan.pieces, o);
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        ASSERT_EQ(jobs[i].id, static_cast<std::int64_t>(i));
        if (i > 0) {
          ASSERT_GE(jobs[i].rows.begin, jobs[i - 1].rows.end);
        }
      }
      std::sort(longest.begin(), longest.end(), [](RowRange a, RowRange b) { return a.begin < b.begin; });
      ASSERT_EQ(rows_of(jobs), longest) << "seed " << seed;
    }
}

TEST(JobsOfANewPlan, HaveNoAttemptsBehindThem) {
  for (const Job& job : build_jobs(LeftOver(3).pieces, {"1", "longest", 1})) EXPECT_EQ(job.attempts, 0);
}

}  // namespace
}  // namespace skyfold
