#include "process_watch.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// State and start of a process, from /proc/PID/stat (proc(5), fields 3 and 22); nothing when there is none.
struct Status {
  std::string state, start;
};
std::optional<Status> status_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  Status status;
  fields >> status.state;
  for (int field = 4; field <= 22; ++field) fields >> status.start;
  return status;
}

/// Host, and namespaces of containers, which may share the host's name.
std::string this_machine() {
  std::error_code error;
  return host_name() + ":" + std::filesystem::read_symlink("/proc/self/ns/pid", error).string();
}

}  // namespace

std::string ProcessName::text() const { return fmt::format("{} {} {}", pid, start, machine); }

ProcessName process_from(const std::string& text) {
  ProcessName process;
  std::istringstream(text) >> process.pid >> process.start >> process.machine;
  return process;
}

ProcessName this_process() {
  const auto status = status_of(getpid());
  return {this_machine(), getpid(), status ? status->start : ""};
}

bool is_of_this_machine(const ProcessName& process) {
  static const std::string here = this_machine();
  return !process.start.empty() && process.machine == here;
}

bool has_ended(const ProcessName& process) {
  if (!is_of_this_machine(process)) return false;
  const auto status = status_of(process.pid);
  if (!status) return access(fmt::format("/proc/{}", process.pid).c_str(), F_OK) != 0 && errno == ENOENT;  // and not: no descriptor left
  return status->start != process.start || status->state == "Z" || status->state == "X";
}

std::optional<int> ProcessWatch::ended() const {
  for (std::size_t rank = 0; rank < processes_.size(); ++rank)
    if (has_ended(processes_[rank])) return static_cast<int>(rank);
  return std::nullopt;
}

bool ProcessWatch::is_speaker(int rank) const {
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
