#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace skyfold {

/// How a program ended: by a signal, or with an exit code.
struct Ending {
  int exit_code = 0, signal = 0;
  bool operator==(const Ending&) const = default;

  /// Something broke that a restart may mend: a signal, or an exit code that is not one of skyfold's (a launcher reports
  /// the loss of a rank that way). Code 1 is a defect or a launcher that could not start: it would come again.
  [[nodiscard]] bool is_abnormal() const noexcept;
  /// "exit code 137", "signal KILL".
  [[nodiscard]] std::string text() const;
};

/// Starts programs, one at a time, and looks after all processes that come of them: also those whose parents have died,
/// since this process becomes the reaper of such orphans. While it exists SIGINT, SIGTERM, SIGUSR1 and SIGCHLD are
/// blocked; `wait` reports them.
class Processes {
 public:
  Processes();
  ~Processes();  ///< kills what is left
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  /// Starts a program, found on the PATH, in a process group of its own, with no standard input. Throws IoError when it
  /// cannot be started.
  void start(const std::vector<std::string>& words);

  struct Event {
    std::optional<Ending> ended;  ///< of the program started
    int signal = 0;               ///< SIGINT, SIGTERM or SIGUSR1 that this process got
  };
  /// The next event; without one after `seconds`, an empty Event.
  [[nodiscard]] Event wait(double seconds);
  /// Sends a signal to the program started, if it is still there.
  void send(int signal) const;
  /// Waits for the processes that came of the program, kills those that are left after `grace_s`, and returns their
  /// number when all are gone.
  int end_all(double grace_s);

 private:
  std::optional<Ending> reap();

  pid_t child_ = -1;
};

/// Runs a program to its end: what it wrote to its standard output.
/// @param ending  set to how it ended
[[nodiscard]] std::string output_of(const std::vector<std::string>& words, Ending& ending);

}  // namespace skyfold
