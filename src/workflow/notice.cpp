// What a pipeline tells of itself: while it runs, at its end, and to a program of the user's.
#include "notice.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <thread>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"

extern char** environ;  // POSIX has no header for it

namespace skyfold::workflow {
namespace {

constexpr double line_interval_s = 30.0, terminal_interval_s = 0.5;

/// Jobs of a node by their states.
struct NodeCounts {
  std::map<std::string, std::int64_t> by_state;
  double core_s = 0.0;
  [[nodiscard]] std::int64_t of(const char* state) const {
    const auto found = by_state.find(state);
    return found == by_state.end() ? 0 : found->second;
  }
};

std::string row(const std::string& name, const NodeCounts& counts) {
  return fmt::format("{:<20} {:>9} {:>10} {:>8} {:>7} {:>11} {:>9} {:>10.3f}\n", one_line(name), grouped(counts.of("completed")),
                     grouped(counts.of("current")), grouped(counts.of("skipped")), grouped(counts.of("failed")),
                     grouped(counts.of("quarantined")), grouped(counts.of("ready") + counts.of("running")), counts.core_s / 3600.0);
}

std::map<std::string, NodeCounts> counts_by_node(const PipelineState& state) {
  std::map<std::string, NodeCounts> nodes;
  for (const auto& [id, job] : state.jobs()) {
    NodeCounts& counts = nodes[job.record.node];
    if (job.is_valid) ++counts.by_state[job.state];
    for (const EndRecord& end : job.ends) counts.core_s += end.cpu_s;
  }
  return nodes;
}

/// The words as a program is started with them.
pid_t started(const std::vector<std::string>& words, const std::string& folder, const std::string& input) {
  std::vector<std::string> copies = words;
  std::vector<char*> pointers;
  for (std::string& word : copies) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input.c_str(), O_RDONLY, 0);
  pid_t child = -1;
  const int error = posix_spawnp(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw IoError(fmt::format("cannot start '{}': {}", words[0], std::strerror(error)));
  return child;
}

/// Waits for a program; one that does not end is ended when this process is asked to stop.
int status_at_end(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (stop_signal() != 0) kill(child, SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return status;
}

}  // namespace

std::string summary_text(const PipelineFile& file, const PipelineState& state, const Counts& counts, double wall_s) {
  std::string text = fmt::format("pipeline {}\n{:<20} {:>9} {:>10} {:>8} {:>7} {:>11} {:>9} {:>10}\n", file.name, "", "done", "up to date",
                                 "skipped", "failed", "quarantined", "not done", "core hours");
  NodeCounts sum;
  std::map<std::string, NodeCounts> by_node = counts_by_node(state);
  for (const Node& node : file.nodes) text += row(node.name, by_node[node.name]);
  for (const auto& [name, of_node] : by_node) {
    for (const auto& [what, number] : of_node.by_state) sum.by_state[what] += number;
    sum.core_s += of_node.core_s;
  }
  text += row("all", sum);
  if (counts.blocked > 0) text += fmt::format("{} groups of events wait for what has failed\n", grouped(counts.blocked));
  const bool is_whole = counts.failed + counts.quarantined + counts.blocked == 0;
  if (is_whole)
    text += fmt::format("{} is up to date after {:.1f} s", counts.ready == 0 ? "everything" : "what was chosen", wall_s);
  else
    text += fmt::format("not all could be done, in {:.1f} s: skyfold pipeline status {} --failed", wall_s, file.path);
  return text;
}

void notify(const PipelineFile& file, const std::string& summary) {
  try {
    const std::string input = file.home() + "/summary.txt";
    write_durably(input, summary + "\n");
    const std::vector<std::string> words = command_words(file.notify);
    if (words.empty()) return;
    const pid_t child = started(words, file.folder, input);
    const int status = status_at_end(child);
    if (status != 0) log_warning(fmt::format("notify: '{}' ended with {}", file.notify, WIFEXITED(status) ? WEXITSTATUS(status) : 128));
  } catch (const Error& error) {
    log_warning(fmt::format("notify: {}", error.what()));  // what was done is done
  }
}

ProgressLine::ProgressLine(std::string name) : name_(std::move(name)), is_terminal_(isatty(STDERR_FILENO) != 0) {
  next_s_ = now_s() + (is_terminal_ ? terminal_interval_s : line_interval_s);
}

void ProgressLine::update(const Counts& counts) {
  if (now_s() < next_s_) return;
  next_s_ = now_s() + (is_terminal_ ? terminal_interval_s : line_interval_s);
  const std::string text = fmt::format("{}: {} done, {} running, {} ready, {} failed", one_line(name_),
                                       grouped(counts.completed + counts.current + counts.skipped), grouped(counts.running),
                                       grouped(counts.ready), grouped(counts.failed + counts.quarantined));
  if (!is_terminal_) return log_info(text);
  write_to_stderr("\r" + text + "\033[K");
  is_open_ = true;
}

void ProgressLine::finish() {
  if (is_open_) write_to_stderr("\n");
  is_open_ = false;
}

}  // namespace skyfold::workflow
