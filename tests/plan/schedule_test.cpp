// Schedules against all that there are.
#include "skyfold/plan/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace skyfold {
namespace {

/// The soonest end of all ways to give out tasks.
double best_end(const std::vector<double>& costs, std::vector<double>& load, const std::vector<double>& speeds, std::size_t next = 0) {
  if (next == costs.size()) return *std::ranges::max_element(load);
  double best = 1e300;
  for (std::size_t worker = 0; worker < load.size(); ++worker) {
    const double before = load[worker];
    load[worker] += costs[next] / speeds[worker];
    best = std::min(best, best_end(costs, load, speeds, next + 1));
    load[worker] = before;
  }
  return best;
}

TEST(Schedule, EndsWithinFourThirdsOfABoundThatNoScheduleBeats) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 400; ++trial) {
    const std::size_t workers = 1 + random() % 4, tasks = 1 + random() % 7;
    std::vector<double> costs, speeds(workers, 2.0), load(workers, 0.0);
    for (std::size_t i = 0; i < tasks; ++i) costs.push_back(1.0 + static_cast<double>(random() % 12));
    const Schedule schedule = longest_first(costs, speeds);
    EXPECT_LE(schedule.bound_s, best_end(costs, load, speeds) + 1e-12);
    EXPECT_LE(schedule.end_s, 4.0 / 3.0 * schedule.bound_s + 1e-12);
    // As Graham (1969) proved, of the best one, too.
    EXPECT_LE(schedule.end_s, (4.0 / 3.0 - 1.0 / (3.0 * static_cast<double>(workers))) * best_end(costs, load, speeds) + 1e-12);
  }
}

TEST(Schedule, NeverBeatsItsBoundWhateverTheSpeeds) {
  std::mt19937 random(8);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<double> costs, speeds, load;
    for (std::size_t i = 0, n = 1 + random() % 6; i < n; ++i) costs.push_back(static_cast<double>(random() % 9));
    for (std::size_t i = 0, n = 1 + random() % 3; i < n; ++i) speeds.push_back(1.0 + static_cast<double>(random() % 3));
    load.assign(speeds.size(), 0.0);
    EXPECT_LE(longest_first(costs, speeds).bound_s, best_end(costs, load, speeds) + 1e-12);
  }
}

TEST(Schedule, GivesEveryTaskOnceWithoutOverlap) {
  const std::vector<double> costs = {3, 1, 4, 1, 5, 9, 2, 6}, speeds = {1, 1, 0.5};
  const Schedule schedule = longest_first(costs, speeds);
  std::vector<int> given(costs.size(), 0);
  std::vector<double> free_s(speeds.size(), 0.0);
  for (const ScheduledTask& task : schedule.tasks) {
    ++given[task.task];
    EXPECT_EQ(task.begin_s, free_s[task.worker]);
    EXPECT_EQ(task.end_s - task.begin_s, costs[task.task] / speeds[task.worker]);
    free_s[task.worker] = task.end_s;
  }
  EXPECT_EQ(given, std::vector<int>(costs.size(), 1));
  EXPECT_EQ(schedule.end_s, *std::ranges::max_element(free_s));
}

}  // namespace
}  // namespace skyfold
