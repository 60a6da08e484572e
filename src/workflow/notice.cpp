// What a pipeline tells of itself: while it runs, at its end, and to a program of the user's.
#include "notice.hpp"

#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <map>
#include <thread>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/run/programs.hpp"
#include "skyfold/workflow/view.hpp"

namespace skyfold::workflow {
namespace {

constexpr double line_interval_s = 30.0, terminal_interval_s = 0.5;

std::string row(const std::string& name, const Counts& counts, double cpu_s) {
  return fmt::format("{:<20} {:>9} {:>10} {:>8} {:>7} {:>11} {:>9} {:>10.3f}\n", one_line(name), grouped(counts.completed),
                     grouped(counts.current), grouped(counts.skipped), grouped(counts.failed), grouped(counts.quarantined),
                     grouped(counts.ready + counts.running), cpu_s / 3600.0);
}

void add(Counts& sum, const Counts& counts) {
  sum.completed += counts.completed;
  sum.current += counts.current;
  sum.skipped += counts.skipped;
  sum.failed += counts.failed;
  sum.quarantined += counts.quarantined;
  sum.ready += counts.ready;
  sum.running += counts.running;
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
  Counts sum;
  double cpu_s = 0.0;
  const std::map<std::string, NodeCounts> nodes = count_nodes(file, state, standing_of(file, state, "", unix_time_s()));
  for (const Node& node : file.nodes) text += row(node.name, nodes.at(node.name).counts, nodes.at(node.name).cpu_s);
  for (const auto& [name, of_node] : nodes) {
    add(sum, of_node.counts);
    cpu_s += of_node.cpu_s;
  }
  text += row("all", sum, cpu_s);
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
    const File text = File::for_reading(input);
    const int status = status_at_end(start_program({.words = words, .folder = file.folder, .input = text.descriptor()}));
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
