#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
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
  /// Added to that of the agent, from which variables of its MPI launcher are taken out, and to SKYFOLD_PIPELINE, _JOB, _ATTEMPT, and for
  /// tasks _OUT and _EVENTS, which the agent sets.
  std::vector<std::pair<std::string, std::string>> environment;
  bool is_step = false;           ///< a command of skyfold
  double timeout_s = 0.0;         ///< 0: none
  double grace_s = 10.0;          ///< between SIGTERM and SIGKILL when it is over
  std::int64_t memory_bytes = 0;  ///< of their own (not of files) that all its processes may have together; 0: no limit
  std::int64_t log_bytes = 10 << 20;
  std::vector<std::string> hidden = {};  ///< names of variables whose values the log does not show
};
/// An order as one line, with its line break and a checksum, and back. Throws DataError for a line that is damaged.
[[nodiscard]] std::string line_of(const Order& order);
[[nodiscard]] Order order_of_line(std::string_view line);

/// How it ended.
struct Outcome {
  std::int64_t job = 0;
  int attempt = 1;
  /// how: completed; failed; lost: it was ended from outside together with its agent; killer: it ended what looked after it. Outputs with
  /// paths relative to `scratch`; events without ids.
  EndRecord end;
};

/// Runs programs in slots of this machine, each in a process group of its own, and looks after all that comes of them: none is left when
/// its job has ended, or this process has, however it ended. For each slot there is a small process of ours, a keeper, made when the agent
/// is, which adopts all that its program leaves behind: whatever a program does to get away, it stays below its keeper. One thread, which
/// must live as long as the agent. This process must not start programs in other ways while jobs run.
class Agent {
 public:
  /// @param slots  programs (or slots of them) at a time, >= 1
  /// @param home   folder of the pipeline, absolute; orphans of dead agents of this host on that pipeline are ended first
  Agent(std::string name, int slots, std::string home);
  ~Agent();  ///< ends all that runs, at once
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] int slots() const noexcept;
  [[nodiscard]] int free_slots() const noexcept;
  /// Starts a program, for which there must be slots; one that cannot be started has an outcome that says so.
  void start(const Order& order);
  /// What has ended; waits at most `seconds` when nothing has. Also wakes up once for a signal to stop (see core/signals, within 0.1 s) and
  /// for `wake_on`.
  [[nodiscard]] std::vector<Outcome> wait(double seconds);
  /// A descriptor whose readability ends a wait, e.g. of inotify; -1 for none.
  void wake_on(int descriptor);
  /// Ends the programs of all jobs: SIGTERM, then SIGKILL after `grace_s`. They give no outcome; the agent may be used on.
  void end_all(double grace_s);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Lines `class key=value ...` as a task writes them to the file named in SKYFOLD_EVENTS. In a value '...' is taken as it is, "..." with
/// \\ \" \n \r \t \xNN as single characters, and outside of both a backslash takes the next character as it is. Throws DataError with the
/// line and its number for any other form; a last line without line break counts.
[[nodiscard]] std::vector<EventRecord> parse_events(std::string_view text);
/// An event as such a line.
[[nodiscard]] std::string event_line(const std::string& event_class, const Keys& keys);

}  // namespace skyfold::workflow
