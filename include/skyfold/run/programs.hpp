#pragma once

#include <sys/types.h>

#include <array>
#include <set>
#include <string>
#include <vector>

namespace skyfold {

/// A pipe whose ends close at exec.
struct Pipe {
  std::array<int, 2> ends = {-1, -1};  ///< to read from, to write to
  Pipe();                              ///< throws IoError
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_end(std::size_t which);
};

/// How a program is to be started. It has no blocked and no ignored signals, and is in a process group of its own: the
/// terminal's Ctrl-C does not come to it.
struct ProgramStart {
  std::vector<std::string> words;                         ///< program, found on the PATH, and its arguments
  const std::vector<std::string>* environment = nullptr;  ///< "NAME=VALUE"; null: that of this process
  std::string folder = {};                                ///< working folder; "": that of this process
  int output = -1, errors = -1;                           ///< descriptors to be its standard output and error; -1: ours
  int death_signal = 15;                                  ///< that it gets when the thread that starts it has ended
  int input = -1;                                         ///< descriptor to be its standard input; -1: it has none
};

/// Starts a program without a copy of this process (vfork), and returns when it is there. Throws IoError when it cannot be started.
[[nodiscard]] pid_t start_program(const ProgramStart& start);
/// All that can be read from a descriptor until its end.
[[nodiscard]] std::string read_all(int descriptor);
/// All living processes below this one.
[[nodiscard]] std::set<pid_t> descendants();

}  // namespace skyfold
