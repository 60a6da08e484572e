#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "skyfold/workflow/records.hpp"

namespace skyfold::workflow {

/// A program to be run: all that an agent has to know.
struct Order {
  std::int64_t job = 0;
  int attempt = 1, slots = 1;
  std::vector<std::string> words;  ///< ready to be started; of a shell task: {"/bin/sh", "-c", text}
  std::string folder;              ///< working folder, absolute
  std::string scratch;             ///< the job's own folder for outputs ({out}, SKYFOLD_OUT), absolute; made by the agent; "" for a step
  std::string log;                 ///< absolute path: standard output and error
  std::vector<std::pair<std::string, std::string>> environment;  ///< added to that of the agent
  bool is_step = false;  ///< a command of skyfold, which may start MPI: variables of the launcher of this agent are taken out
  double timeout_s = 0.0;
  std::int64_t memory_bytes = 0, log_bytes = 10 << 20;
};

/// How it ended.
struct Outcome {
  std::int64_t job = 0;
  int attempt = 1;
  EndRecord end;  ///< how: completed or failed; outputs with paths relative to `scratch`; events without ids
};

/// Runs programs in slots of this machine, each in a process group of its own, and looks after all that comes of them: none is left when
/// its job has ended, or this process has, however it ended. One thread.
class Agent {
 public:
  /// @param slots  programs (or slots of them) at a time, >= 1
  /// @param home   folder of the pipeline; orphans of dead agents of this host on that pipeline are ended first
  Agent(std::string name, int slots, std::string home);
  ~Agent();  ///< ends all that runs
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] int slots() const noexcept;
  [[nodiscard]] int free_slots() const noexcept;
  /// Starts a program; one that cannot be started has an outcome that says so.
  void start(const Order& order);
  /// What has ended; waits at most `seconds` when nothing has. Also wakes up for a signal to stop (see core/signals) and for `wake_on`.
  [[nodiscard]] std::vector<Outcome> wait(double seconds);
  /// A descriptor whose readability ends a wait, e.g. of inotify; -1 for none.
  void wake_on(int descriptor);
  /// Ends the programs of all jobs: SIGTERM, then SIGKILL after `grace_s`. They give no outcome.
  void end_all(double grace_s);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Lines `class key=value ...` as a task writes them to the file named in SKYFOLD_EVENTS: values by quoting rules. Throws DataError with
/// the line and its number for any other form; a last line without line break counts.
[[nodiscard]] std::vector<EventRecord> parse_events(std::string_view text);
/// An event as such a line.
[[nodiscard]] std::string event_line(const std::string& event_class, const Keys& keys);

}  // namespace skyfold::workflow
