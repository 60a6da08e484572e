#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "skyfold/farm/clock.hpp"

namespace skyfold {

/// The one thread of a rank that computes (and so owns its OpenMP team), one task at a time, while the main thread
/// does messages and files.
class ComputeThread {
 public:
  explicit ComputeThread(RankClock& clock) : clock_(clock), thread_([this] { loop(); }) {}
  ~ComputeThread() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  ComputeThread(const ComputeThread&) = delete;
  ComputeThread& operator=(const ComputeThread&) = delete;

  /// Starts `task`; the one before must have been collected.
  void start(std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      task_ = std::move(task);
      is_busy_ = true;
      error_ = nullptr;
    }
    changed_.notify_all();
  }
  /// True when the task has ended, waiting for that at most `patience`.
  bool has_ended(std::chrono::microseconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return !is_busy_; });
  }
  /// The exception of the task that has ended, or none.
  std::exception_ptr error() {
    const std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ends_ || (is_busy_ && task_); });
      if (ends_) return;
      const std::function<void()> task = std::exchange(task_, nullptr);
      lock.unlock();
      std::exception_ptr error;
      clock_.compute_begins();
      try {
        task();
      } catch (...) {
        error = std::current_exception();
      }
      clock_.compute_ends();
      lock.lock();
      error_ = error;
      is_busy_ = false;
      changed_.notify_all();
    }
  }

  RankClock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> task_;
  std::exception_ptr error_;
  bool is_busy_ = false, ends_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace skyfold
