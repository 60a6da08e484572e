#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace skyfold {

/// A process that other processes of its machine can look at.
struct ProcessName {
  std::string machine;  ///< host and namespace of process numbers: the same number means the same process only there
  pid_t pid = 0;
  std::string start;  ///< when it started, in the kernel's ticks: numbers are used again

  [[nodiscard]] std::string text() const;
};
[[nodiscard]] ProcessName this_process();
/// Reads what ProcessName::text wrote.
[[nodiscard]] ProcessName process_from(const std::string& text);
/// True when the process is of this machine, and its start is known.
[[nodiscard]] bool is_of_this_machine(const ProcessName& process);
/// True when the process was of this machine and has ended. Of other machines nothing is known.
[[nodiscard]] bool has_ended(const ProcessName& process);

/// The processes of a run's ranks, as far as they are on this machine. MPI's collective calls wait for ever for a rank
/// that died, if the launcher lets the others go on.
class ProcessWatch {
 public:
  ProcessWatch() = default;
  /// @param processes  by rank
  explicit ProcessWatch(std::vector<ProcessName> processes) : processes_(std::move(processes)) {}

  /// The lowest rank of this machine that has ended.
  [[nodiscard]] std::optional<int> ended() const;
  /// True when no rank of this machine below `rank` lives: then it is for `rank` to speak.
  [[nodiscard]] bool is_speaker(int rank) const;
  [[nodiscard]] const std::vector<ProcessName>& processes() const noexcept { return processes_; }
  /// Those of these ranks, in this order.
  [[nodiscard]] ProcessWatch of(const std::vector<int>& ranks) const;

 private:
  std::vector<ProcessName> processes_;
};

}  // namespace skyfold
