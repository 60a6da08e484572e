#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace skyfold {

/// What the system tells of a process (proc(5), /proc/PID/stat).
struct ProcessStatus {
  std::string state;  ///< one letter: R, S, ...
  std::string start;  ///< clock ticks since the machine's: tells a process from a later one with its number
  pid_t parent = 0;

  /// Whether it has ended, and only its parent has not taken notice.
  [[nodiscard]] bool is_dead() const noexcept { return state == "Z" || state == "X"; }
};

/// Nothing when there is no such process. Throws IoError when there is one and nothing can be learnt (no descriptor left).
[[nodiscard]] std::optional<ProcessStatus> process_status(pid_t process);

/// The namespace of this process of a kind (`pid`, `ipc`): "pid:[4026531836]"; "" where the system does not tell. Process numbers, or
/// names of shared memory, mean the same in one namespace only; containers on one host have their own.
[[nodiscard]] std::string namespace_of_kind(const std::string& kind);

}  // namespace skyfold
