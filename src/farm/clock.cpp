// Where a rank's time goes: every second of it is in one phase. Computing runs on a thread of its own, and takes precedence: a
// second in which the kernel worked is a second of computing, whatever the main thread did.
#include "skyfold/farm/clock.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace skyfold {
namespace {

std::int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string_view name_of(Phase phase) noexcept {
  constexpr std::string_view names[] = {"start", "wait", "dispatch", "read", "compute", "write", "sync", "consolidate", "other"};
  return names[static_cast<std::size_t>(phase)];
}

RankClock::RankClock() noexcept : start_ns_(now_ns()), last_ns_(start_ns_) {}

Phase RankClock::enter(Phase phase) noexcept {
  const std::int64_t now = now_ns();
  const std::int64_t elapsed = now - last_ns_;
  // The compute thread may finish between two readings of its counters: a busy time is never negative or too long.
  const std::int64_t busy = std::clamp<std::int64_t>(busy_ns(now) - last_busy_ns_, 0, elapsed);
  total_ns_[static_cast<std::size_t>(phase_)] += elapsed - busy;
  total_ns_[static_cast<std::size_t>(Phase::compute)] += busy;
  last_ns_ = now;
  last_busy_ns_ += busy;
  return std::exchange(phase_, phase);
}

void RankClock::compute_begins() noexcept { busy_since_ns_.store(now_ns()); }

void RankClock::compute_ends() noexcept {
  // Between these two lines the main thread sees a kernel that is neither running nor finished: enter() clamps for that.
  const std::int64_t since = busy_since_ns_.exchange(0);
  finished_busy_ns_.fetch_add(now_ns() - since);
}

std::int64_t RankClock::busy_ns(std::int64_t now) const noexcept {
  const std::int64_t since = busy_since_ns_.load();
  return finished_busy_ns_.load() + (since ? std::max<std::int64_t>(now - since, 0) : 0);
}

PhaseSeconds RankClock::seconds() noexcept {
  // Closes the phase that is running, so that the sum is the wall time up to now.
  enter(phase_);
  PhaseSeconds seconds;
  std::transform(total_ns_.begin(), total_ns_.end(), seconds.begin(), [](std::int64_t ns) { return static_cast<double>(ns) * 1e-9; });
  return seconds;
}

double RankClock::wall_s() const noexcept { return static_cast<double>(now_ns() - start_ns_) * 1e-9; }

}  // namespace skyfold
