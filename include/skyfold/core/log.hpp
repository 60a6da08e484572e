#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace skyfold {

/// Seconds since an arbitrary start, monotonic.
[[nodiscard]] double now_s() noexcept;

/// Messages for people go to stderr, so that stdout stays a clean product of `--json` and tables.
/// Only rank 0 speaks: every other rank calls `silence_log()` once.
void log_info(const std::string& message);
void log_warning(const std::string& message);
void silence_log();
/// What was said so far, a line each, the newest 10,000 of them.
[[nodiscard]] std::vector<std::string> logged_lines();
/// Writes text as it is to standard error. When that is full or closed nothing happens: what is said is worth no result.
void write_to_stderr(const std::string& text) noexcept;

/// Progress of a long task: a bar with rate and time left on a terminal, a line every 30 s in a batch log.
class Progress {
 public:
  /// @param title  what is going on, e.g. "photoz"
  /// @param total  units of work, e.g. rows
  /// @param unit   what is counted, e.g. "objects"
  /// @param found  units that were done before, which do not count for the rate
  Progress(std::string title, std::int64_t total, std::string unit, std::int64_t found = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Records that `done` units are finished in all; prints when it is time to.
  void update(std::int64_t done);
  void finish();

 private:
  void print(double elapsed_s) const;

  std::string title_, unit_;
  std::int64_t total_ = 0, done_ = 0, found_ = 0;
  double start_s_ = 0.0, next_print_s_ = 0.0;
  bool terminal_ = false, finished_ = false;
};

}  // namespace skyfold
