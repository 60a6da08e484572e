#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

namespace skyfold {

/// The cores of a node in virtual time, shared evenly by the threads that want to run: each runs at full speed, or, when
/// there are more threads than cores, at cores / threads of it.
///
/// `served_s_` is how long a thread that ran all along would have run. A task that needs s seconds ends when it has
/// grown by s, whatever starts and ends meanwhile, so that tasks end in the order of one queue.
class SharedProcessors {
 public:
  struct Task {
    int rank = 0;
    bool is_kernel = false;  ///< of the compute thread, not of the main thread
  };

  explicit SharedProcessors(int cores) : cores_(cores) {}

  /// @param threads  that the task occupies
  /// @param seconds  that it takes at full speed
  void start(Task task, int threads, double seconds, double now_s) {
    pass(now_s);
    threads_ += threads;
    ends_.push({served_s_ + seconds, ++count_, threads, task});
    ++version_;
  }
  /// When the next task ends if nothing starts before; none when nothing runs.
  [[nodiscard]] std::optional<double> next_end_s() const {
    if (ends_.empty()) return std::nullopt;
    return now_s_ + std::max(0.0, ends_.top().served_s - served_s_) / speed();
  }
  /// The tasks that end at `now_s`, which is what next_end_s told.
  std::vector<Task> end(double now_s) {
    std::vector<Task> ended;
    pass(now_s);
    served_s_ = std::max(served_s_, ends_.top().served_s);  // against rounding
    while (!ends_.empty() && ends_.top().served_s <= served_s_) {
      ended.push_back(ends_.top().task);
      threads_ -= ends_.top().threads;
      ends_.pop();
    }
    ++version_;
    return ended;
  }
  /// Changes when next_end_s does.
  [[nodiscard]] std::int64_t version() const noexcept { return version_; }

 private:
  struct End {
    double served_s;
    std::int64_t number;
    int threads;
    Task task;
    bool operator<(const End& other) const noexcept {
      return served_s != other.served_s ? served_s > other.served_s : number > other.number;
    }
  };
  [[nodiscard]] double speed() const noexcept { return threads_ > cores_ ? static_cast<double>(cores_) / threads_ : 1.0; }
  void pass(double now_s) {
    served_s_ += (now_s - now_s_) * speed();
    now_s_ = now_s;
  }

  int cores_;
  int threads_ = 0;
  double now_s_ = 0.0, served_s_ = 0.0;
  std::int64_t count_ = 0, version_ = 0;
  std::priority_queue<End> ends_;
};

}  // namespace skyfold
