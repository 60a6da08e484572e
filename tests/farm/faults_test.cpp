#include "faults.hpp"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "../support.hpp"
#include "skyfold/core/parallel.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;

/// A job of partitions [first, first + count), tried `attempts` times before.
Job job_of(std::int64_t first, std::int64_t count, std::int64_t attempts = 0) {
  return {0, first, count, {10 * first, 10 * (first + count)}, attempts};
}

TEST(Faults, HitTheJobsThatHoldTheirPartition) {
  const Faults faults("throw@3");
  for (std::int64_t first = 0; first < 8; ++first)
    for (std::int64_t count = 1; count < 5; ++count) {
      if (first <= 3 && 3 < first + count)
        EXPECT_THROW(faults.inject(job_of(first, count)), std::runtime_error);
      else
        EXPECT_NO_THROW(faults.inject(job_of(first, count)));
    }
}

TEST(Faults, HitOneAttemptOrAll) {
  for (std::int64_t before = 0; before < 3; ++before) {
    EXPECT_THROW(Faults("throw@0").inject(job_of(0, 1, before)), std::runtime_error);
    if (before == 1)
      EXPECT_THROW(Faults("throw@0:2").inject(job_of(0, 1, before)), std::runtime_error);
    else
      EXPECT_NO_THROW(Faults("throw@0:2").inject(job_of(0, 1, before)));
  }
}

TEST(Faults, HitEveryPartitionWithAStar) {
  for (const std::int64_t partition : {0, 7, 100}) EXPECT_THROW(Faults("oom@*").inject(job_of(partition, 1)), std::bad_alloc);
}

TEST(Faults, MayBeSeveral) {
  const Faults faults(" throw@1, oom@2:1 ");
  EXPECT_NO_THROW(faults.inject(job_of(0, 1)));
  EXPECT_THROW(faults.inject(job_of(1, 1)), std::runtime_error);
  EXPECT_THROW(faults.inject(job_of(2, 1)), std::bad_alloc);
  EXPECT_NO_THROW(faults.inject(job_of(2, 1, 1)));
}

TEST(Faults, AreNoneWithoutText) {
  for (const char* none : {"", " ", ","}) EXPECT_NO_THROW(Faults(none).inject(job_of(0, 100)));
  EXPECT_NO_THROW(Faults().inject(job_of(0, 100)));
}

TEST(Faults, SleepNoLongerThanTheirWorkIsWanted) {
  interrupt_parallel_for(true);
  Faults("sleep=1e9@*").inject(job_of(0, 1));  // a test that does not end would fail
  interrupt_parallel_for(false);
  Faults("sleep=0@*").inject(job_of(0, 1));
}

TEST(Faults, AreRefusedWhenTheyAreNotUnderstood) {
  for (const char* wrong : {"throw", "throw@", "@3", "explode@3", "throw@x", "throw@-5", "throw@3:", "throw@3:x", "throw@3:0", "throw@3:-1",
                            "throw@1.5", "sleep@3", "sleep=@3", "sleep=-1@3", "sleep=nan@3", "throw=3@3", "throw@3,hang", "throw@3 hang@4"})
    EXPECT_TRUE(contains(error_of<UsageError>([&] { Faults{wrong}; }), "farm.fault = ")) << wrong;
}

}  // namespace
}  // namespace skyfold
