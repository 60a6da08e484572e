#include "skyfold/kernels/photoz/training_tasks.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"

namespace skyfold {
namespace {

TEST(LocalTasks, GiveAllResultsInTheOrderOfTheTasksOnAnyNumberOfThreads) {
  for (const int threads : {1, 2, 3, 8}) {
    for (const std::size_t n : {0, 1, 2, 5, 23}) {
      std::vector<std::atomic<int>> calls(n);
      LocalTasks tasks(threads);
      const std::vector<std::string> results = tasks.run("squares", n, [&](std::size_t task, int) {
        ++calls[task];
        return std::to_string(task * task);
      });
      ASSERT_EQ(results.size(), n);
      for (std::size_t i = 0; i < n; ++i) {
        EXPECT_EQ(results[i], std::to_string(i * i)) << threads << " threads";
        EXPECT_EQ(calls[i], 1) << threads << " threads";
      }
    }
  }
}

TEST(LocalTasks, GiveFewTasksSeveralThreadsAndNeverMoreThanThereAre) {
  for (const auto& [threads, n] : {std::pair{1, 4}, {4, 1}, {4, 4}, {5, 2}, {3, 9}}) {
    std::vector<int> given(static_cast<std::size_t>(n));
    LocalTasks tasks(threads);
    (void)tasks.run("threads", given.size(), [&](std::size_t task, int its_threads) {
      // A task may have a team of its own, whichever thread it is on.
      std::atomic<int> sum = 0;
      parallel_for(100, 10, its_threads, [&](std::size_t begin, std::size_t end, int) { sum += static_cast<int>(end - begin); });
      EXPECT_EQ(sum, 100);
      given[task] = its_threads;
      return std::string();
    });
    for (const int each : given) {
      EXPECT_GE(each, threads / std::min(threads, n));
      EXPECT_LE(each, threads / std::min(threads, n) + (threads % std::min(threads, n) > 0 ? 1 : 0));
    }
  }
}

TEST(LocalTasks, ThrowTheErrorOfTheLowestTaskThatFailed) {
  for (const int threads : {1, 2, 4, 7}) {
    LocalTasks tasks(threads);
    try {
      (void)tasks.run("failing", 20, [](std::size_t task, int) -> std::string {
        if (task == 11 || task == 5 || task == 6) throw DataError("task " + std::to_string(task));
        return "fine";
      });
      FAIL() << "no error";
    } catch (const DataError& error) {
      EXPECT_STREQ(error.what(), "task 5") << threads << " threads";
    }
  }
}

TEST(LocalTasks, HandOnWhatTasksTell) {
  std::vector<std::size_t> told(6);
  LocalTasks tasks(3, [&](const std::string& step, std::size_t task, double done_fraction, double loss) {
    EXPECT_EQ(step, "nets");
    EXPECT_EQ(done_fraction, 0.5);
    EXPECT_EQ(loss, -static_cast<double>(task));
    ++told[task];
  });
  (void)tasks.run("nets", told.size(), [&](std::size_t task, int) {
    tasks.tell("nets", task, 0.5, -static_cast<double>(task));
    return std::string();
  });
  for (const std::size_t count : told) EXPECT_EQ(count, 1u);
  LocalTasks deaf(1);
  deaf.tell("nets", 0, 1.0, std::nan(""));
}

}  // namespace
}  // namespace skyfold
