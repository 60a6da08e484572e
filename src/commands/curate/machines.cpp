// Machines as they are: from the system (proc(5)), from all ranks, or from a file.
#include "machines.hpp"

#include <fmt/core.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/farm/ranks.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// A file of /proc, which has no size before it is read; "" where it is gone.
std::string proc_text(const std::string& path) {
  try {
    return read_file(path);
  } catch (const IoError&) {
    return "";
  }
}

int skyfold_processes() {
  int count = 0;
  std::error_code error;
  for (auto at = fs::directory_iterator("/proc", error); !error && at != fs::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.empty() || name.find_first_not_of("0123456789") != std::string::npos || name == std::to_string(getpid())) continue;
    if (trim(proc_text("/proc/" + name + "/comm")) == "skyfold") ++count;
  }
  return count;
}

double number_of(const std::string& text, const std::string& key, const std::string& place) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0.0) || value > 1e12)
    throw UsageError(fmt::format("{}: {}={} (must be a number of at least 0)", place, key, text));
  return value;
}

int count_of(const std::string& text, const std::string& key, const std::string& place) {
  const double value = number_of(text, key, place);
  if (value != static_cast<double>(static_cast<int>(std::min(value, 1e6))) || (value < 1.0 && key != "processes"))
    throw UsageError(fmt::format("{}: {}={} (must be a whole number, 1 or more)", place, key, text));
  return static_cast<int>(value);
}

void set(Machine& machine, const std::string& key, const std::string& value, const std::string& place) {
  if (key == "ranks")
    machine.ranks = count_of(value, key, place);
  else if (key == "processors")
    machine.processors = count_of(value, key, place);
  else if (key == "processes")
    machine.processes = count_of(value, key, place);
  else if (key == "load")
    machine.load = number_of(value, key, place);
  else if (key == "free_gb")
    machine.free_bytes = static_cast<std::int64_t>(number_of(value, key, place) * 1e9);
  else
    throw UsageError(fmt::format("{}: '{}' is not known (ranks, processors, load, free_gb, processes)", place, key));
}

Machine machine_from(const std::vector<std::string>& words, const std::string& place) {
  Machine machine;
  machine.host = words[0];
  machine.free_bytes = INT64_MAX;  // what is not said limits nothing
  bool has_processors = false;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t sign = words[i].find('=');
    if (sign == std::string::npos) throw UsageError(fmt::format("{}: '{}' (KEY=VALUE is needed)", place, words[i]));
    has_processors = has_processors || words[i].starts_with("processors=");
    set(machine, words[i].substr(0, sign), words[i].substr(sign + 1), place);
  }
  if (!has_processors) machine.processors = machine.ranks;
  return machine;
}

}  // namespace

double Machine::speed() const noexcept {
  // Processes of others take their share; one processor among more ranks is shared by them.
  const double free = std::max(0.1 * processors, static_cast<double>(processors) - load);
  return std::min(1.0, free / ranks);
}

Machine this_machine(const std::string& folder) {
  Machine machine;
  machine.host = host_name();
  machine.processors = std::max(1, processor_count());
  machine.load = std::strtod(proc_text("/proc/loadavg").c_str(), nullptr);
  machine.processes = skyfold_processes();
  struct statvfs disk {};
  if (statvfs(folder.c_str(), &disk) != 0) throw IoError(fmt::format("{}: its disk cannot be looked at", folder));
  machine.free_bytes = static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize);
  return machine;
}

std::vector<Machine> machines_of(const Ranks* ranks, const std::string& folder) {
  Machine here = this_machine(folder);
  if (!ranks || ranks->size() == 1) {
    here.ranks = here.processors;
    return {here};
  }
  std::vector<Machine> machines;
  for (const std::string& text :
       ranks->gather(fmt::format("{}\t{}\t{}\t{}\t{}", here.host, here.processors, here.load, here.free_bytes, here.processes))) {
    const std::vector<std::string> cells = split(text, '\t');
    const auto known = std::ranges::find(machines, cells.at(0), &Machine::host);
    if (known != machines.end()) {
      ++known->ranks;
      continue;
    }
    machines.push_back({cells[0], 1, std::stoi(cells[1]), std::stod(cells[2]), std::stoll(cells[3]), std::stoi(cells[4])});
  }
  // The other ranks of this very question are no load to come.
  for (Machine& machine : machines) machine.processes = std::max(0, machine.processes - (machine.ranks - 1));
  return machines;
}

std::vector<Machine> machines_from(const std::string& path) {
  std::vector<Machine> machines;
  const std::vector<std::string> lines = split(read_file(path), '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::vector<std::string> words;
    for (const std::string& word : split(std::string(lines[i].substr(0, lines[i].find('#'))), ' '))
      if (!trim(word).empty()) words.emplace_back(trim(word));
    if (words.empty()) continue;
    const std::string place = fmt::format("{}: line {}", path, i + 1);
    if (std::ranges::find(machines, words[0], &Machine::host) != machines.end())
      throw UsageError(fmt::format("{}: {} stands in an earlier line, too", place, words[0]));
    machines.push_back(machine_from(words, place));
  }
  if (machines.empty()) throw UsageError(fmt::format("{}: no machines in it", path));
  return machines;
}

}  // namespace skyfold
