// Whether the processes of other ranks live, as far as they are on this machine: a number and a start time name a process for good,
// since numbers are used again.
#include "process_watch.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <sstream>

#include "skyfold/core/error.hpp"
#include "skyfold/core/process_status.hpp"
#include "skyfold/core/system.hpp"

namespace skyfold {
namespace {

/// Host, and namespaces of containers, which may share the host's name.
std::string this_machine() { return host_name() + ":" + namespace_of_kind("pid"); }

}  // namespace

std::string ProcessName::text() const { return fmt::format("{} {} {}", pid, start, machine); }

ProcessName process_from(const std::string& text) {
  ProcessName process;
  std::istringstream(text) >> process.pid >> process.start >> process.machine;
  return process;
}

ProcessName this_process() {
  const auto status = process_status(getpid());
  return {this_machine(), getpid(), status ? status->start : ""};
}

bool is_of_this_machine(const ProcessName& process) {
  // Asked once: the answer is looked at every few milliseconds by those who wait.
  static const std::string here = this_machine();
  return !process.start.empty() && process.machine == here;
}

bool has_ended(const ProcessName& process) {
  if (!is_of_this_machine(process)) return false;
  try {
    const auto status = process_status(process.pid);
    return !status || status->start != process.start || status->is_dead();
  } catch (const IoError&) {  // no descriptor is left to look with
    return false;
  }
}

std::optional<int> ProcessWatch::ended() const {
  for (std::size_t rank = 0; rank < processes_.size(); ++rank)
    if (has_ended(processes_[rank])) return static_cast<int>(rank);
  return std::nullopt;
}

bool ProcessWatch::is_speaker(int rank) const {
  // Of those that live: the lowest rank may be the one that died.
  const std::string& here = processes_[static_cast<std::size_t>(rank)].machine;
  for (std::size_t lower = 0; lower < static_cast<std::size_t>(rank); ++lower)
    if (processes_[lower].machine == here && !has_ended(processes_[lower])) return false;
  return true;
}

ProcessWatch ProcessWatch::of(const std::vector<int>& ranks) const {
  std::vector<ProcessName> processes;
  for (const int rank : ranks) processes.push_back(processes_[static_cast<std::size_t>(rank)]);
  return ProcessWatch(std::move(processes));
}

}  // namespace skyfold
