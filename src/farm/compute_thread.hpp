#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "skyfold/farm/clock.hpp"

namespace skyfold {

/// The one thread of a rank that computes (and so owns its OpenMP team), one task at a time, while the main thread
/// does messages and files.
class ComputeThread {
 public:
  explicit ComputeThread(RankClock& clock) : state_(std::make_shared<State>(clock)), thread_([state = state_] { loop(*state); }) {}
  ~ComputeThread() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(state_->mutex);
      state_->ends = true;
    }
    state_->changed.notify_all();
    thread_.join();
  }
  ComputeThread(const ComputeThread&) = delete;
  ComputeThread& operator=(const ComputeThread&) = delete;

  /// Starts `task`; the one before must have been collected.
  void start(std::function<void()> task) {
    {
      const std::lock_guard lock(state_->mutex);
      state_->task = std::move(task);
      state_->is_busy = true;
      state_->error = nullptr;
    }
    state_->changed.notify_all();
  }
  /// True when the task has ended, waiting for that at most `patience`.
  bool has_ended(std::chrono::microseconds patience) {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, patience, [this] { return !state_->is_busy; });
  }
  /// The exception of the task that has ended, or none.
  std::exception_ptr error() {
    const std::lock_guard lock(state_->mutex);
    return state_->error;
  }
  /// Leaves a task that will not end to itself. Nothing else can be done with this object.
  void abandon() {
    {
      const std::lock_guard lock(state_->mutex);
      state_->ends = true;
      if (state_->is_busy) state_->clock->compute_ends();
      state_->clock = nullptr;
    }
    thread_.detach();
  }

 private:
  struct State {
    explicit State(RankClock& rank_clock) : clock(&rank_clock) {}
    RankClock* clock;  ///< null once abandoned
    std::mutex mutex;
    std::condition_variable changed;
    std::function<void()> task;
    std::exception_ptr error;
    bool is_busy = false, ends = false;
  };

  static void loop(State& state) {
    std::unique_lock lock(state.mutex);
    while (true) {
      state.changed.wait(lock, [&] { return state.ends || (state.is_busy && state.task); });
      if (state.ends) return;
      const std::function<void()> task = std::exchange(state.task, nullptr);
      state.clock->compute_begins();
      lock.unlock();
      std::exception_ptr error;
      try {
        task();
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      if (state.clock) state.clock->compute_ends();
      state.error = error;
      state.is_busy = false;
      state.changed.notify_all();
    }
  }

  std::shared_ptr<State> state_;  // shared with the thread, which may outlive this object
  std::thread thread_;
};

}  // namespace skyfold
