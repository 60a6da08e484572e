#include "skyfold/farm/clock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <thread>

namespace skyfold {
namespace {

double total(const PhaseSeconds& seconds) { return std::accumulate(seconds.begin(), seconds.end(), 0.0); }
double seconds_in(const PhaseSeconds& seconds, Phase phase) { return seconds[static_cast<std::size_t>(phase)]; }

/// Phases must fill the wall time up to the moment at which they were read.
void expect_whole(RankClock& clock) {
  const double before = clock.wall_s();
  const PhaseSeconds seconds = clock.seconds();
  const double after = clock.wall_s();
  EXPECT_GE(total(seconds), before - 1e-9);
  EXPECT_LE(total(seconds), after + 1e-9);
  for (const double s : seconds) EXPECT_GE(s, 0.0);
}

void pass_time() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

TEST(RankClock, PutsEverySecondInOnePhase) {
  RankClock clock;
  for (const Phase phase : {Phase::read, Phase::wait, Phase::write, Phase::consolidate, Phase::read}) {
    clock.enter(phase);
    pass_time();
    expect_whole(clock);
  }
  const PhaseSeconds seconds = clock.seconds();
  EXPECT_GT(seconds_in(seconds, Phase::read), seconds_in(seconds, Phase::other));
  EXPECT_EQ(seconds_in(seconds, Phase::compute), 0.0);
}

TEST(RankClock, ReturnsThePhaseBefore) {
  RankClock clock;
  EXPECT_EQ(clock.enter(Phase::read), Phase::start);
  {
    const PhaseScope scope(clock, Phase::write);
    EXPECT_EQ(clock.enter(Phase::write), Phase::write);
  }
  EXPECT_EQ(clock.enter(Phase::wait), Phase::read);
}

TEST(RankClock, CountsOverlappedTimeAsComputeOnly) {
  RankClock clock;
  clock.enter(Phase::read);
  clock.compute_begins();
  pass_time();
  clock.compute_ends();
  const PhaseSeconds seconds = clock.seconds();
  EXPECT_GE(seconds_in(seconds, Phase::compute), 0.002);
  EXPECT_LT(seconds_in(seconds, Phase::read), 0.002);
  expect_whole(clock);
}

TEST(RankClock, CountsAComputationThatIsStillUnderWay) {
  RankClock clock;
  clock.compute_begins();
  pass_time();
  EXPECT_GE(seconds_in(clock.seconds(), Phase::compute), 0.002);
  pass_time();
  clock.compute_ends();
  EXPECT_GE(seconds_in(clock.seconds(), Phase::compute), 0.004);
  expect_whole(clock);
}

TEST(RankClock, StaysWholeWhileAnotherThreadComputes) {
  RankClock clock;
  std::atomic<bool> stop = false;
  std::thread compute([&] {
    while (!stop) {
      clock.compute_begins();
      clock.compute_ends();
    }
  });
  for (int i = 0; i < 20'000; ++i) {
    clock.enter(i % 2 ? Phase::read : Phase::write);
    if (i % 100 == 0) expect_whole(clock);
  }
  stop = true;
  compute.join();
  expect_whole(clock);
}

TEST(Phases, HaveNames) {
  EXPECT_EQ(name_of(Phase::wait), "wait");
  EXPECT_EQ(name_of(Phase::other), "other");
}

}  // namespace
}  // namespace skyfold
