// What people see of a pipeline: words for its states, counts of its nodes, and the line above all.
#include "skyfold/workflow/view.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "orders.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/run/lock.hpp"

namespace skyfold::workflow {
namespace {

constexpr std::size_t longest_value = 48, longest_message = 200;

/// A text without control characters, its middle left out where it is long. UTF-8 characters stay whole.
std::string cut(std::string_view text, std::size_t longest) {
  std::string line = one_line(text);
  if (line.size() <= longest) return line;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;
  return line.substr(0, end) + "...";
}

/// Values of a trigger's key that its class has given, of which no job of the node is there.
std::int64_t groups_without_job(const Node& node, const Trigger& trigger, const PipelineState& state) {
  std::set<std::string> seen, done;
  const auto value = [&](const Keys& keys) { return trigger.group == "*" ? std::string("*") : value_of(keys, trigger.group).value_or(""); };
  for (const auto& [id, event] : state.events())
    if (event.is_valid && event.record.event_class == trigger.event_class) seen.insert(value(event.record.keys));
  for (const auto& [id, job] : state.jobs())
    if (job.is_valid && job.record.node == node.name) done.insert(value(job.record.keys));
  return std::count_if(seen.begin(), seen.end(), [&](const std::string& group) { return !done.contains(group); });
}

void count_job(const JobState& job, const Standing& standing, NodeCounts& node) {
  node.attempts += std::ssize(job.starts);
  node.lost += job.lost;
  for (const EndRecord& end : job.ends) {
    node.wall_s += end.wall_s;
    node.cpu_s += end.cpu_s;
  }
  if (!job.is_valid) return;
  ++node.jobs;
  const std::string word = word_of(job, standing);
  Counts& counts = node.counts;
  const std::pair<const char*, std::int64_t*> places[] = {
      {"ready", &counts.ready},     {"running", &counts.running}, {"interrupted", &counts.ready}, {"completed", &counts.completed},
      {"skipped", &counts.skipped}, {"current", &counts.current}, {"failed", &counts.failed},     {"quarantined", &counts.quarantined}};
  for (const auto& [name, place] : places)
    if (word == name) ++*place;
}

}  // namespace

Standing standing_of(const PipelineFile& file, const PipelineState& state, const std::string& holder, double now_s) {
  Standing standing{"", holder, now_s, file.name};
  const std::size_t slash = file.path.rfind('/');
  // Beside the file as it was named: such a path can be opened from where the question was asked.
  if (slash != std::string::npos) standing.home = file.path.substr(0, slash + 1) + file.name;
  if (!holder.empty())
    standing.word = "running";
  else if (state.sessions().empty())
    standing.word = "not started";
  else
    standing.word = state.exit_code() >= 0 ? "ended" : "interrupted";
  return standing;
}

Standing standing_now(const PipelineFile& file, const PipelineState& state) {
  return standing_of(file, state, lock_holder(file.home()), unix_time_s());
}

std::string duration_text(double seconds) {
  if (seconds < 100.0) return fmt::format("{:.3g} s", seconds);
  if (seconds < 6000.0) return fmt::format("{:.3g} min", seconds / 60.0);
  return fmt::format("{:.1f} h", seconds / 3600.0);
}

std::string log_path(const Standing& standing, const JobState& job) { return log_path(standing.home, job.record); }

std::string keys_text(const Keys& keys) {
  std::string text;
  for (const auto& [name, value] : keys) text += fmt::format("{}{}={}", text.empty() ? "" : " ", one_line(name), cut(value, longest_value));
  return text;
}

std::string word_of(const JobState& job, const Standing& standing) {
  return job.state == "running" && standing.word != "running" ? "interrupted" : job.state;
}

bool is_failing(const JobState& job) noexcept { return job.is_valid && (job.state == "failed" || job.state == "quarantined"); }

std::string class_text(const PipelineFile& file, const std::string& event_class) {
  return event_class == "@start" && !file.target_classes.empty() ? file.target_classes.back() : event_class;
}

std::string failure_text(const JobState& job) {
  if (job.ends.empty() || (!is_failing(job) && job.state != "ready")) return "";
  const EndRecord& end = job.ends.back();
  std::vector<std::string> parts;
  if (end.timed_out) parts.push_back("out of time");
  if (end.signal != 0) parts.push_back(fmt::format("signal {}", end.signal));
  if (end.exit_code != 0) parts.push_back(fmt::format("exit {}", end.exit_code));
  if (end.how == "killer") parts.emplace_back("its worker died of it");
  if (!end.message.empty()) parts.push_back(fmt::format("\"{}\"", cut(end.message, longest_message)));
  return join(parts, ", ");
}

std::vector<Attempt> attempts_of(const JobState& job) {
  std::vector<Attempt> attempts;
  for (const StartRecord& start : job.starts) attempts.push_back({&start, nullptr});
  // Attempts do not overlap; one that was lost leaves its number to the next.
  for (const EndRecord& end : job.ends)
    for (Attempt& attempt : attempts)
      if (!attempt.end && attempt.start->attempt == end.attempt && attempt.start->time_s <= end.time_s) {
        attempt.end = &end;
        break;
      }
  return attempts;
}

std::map<std::string, NodeCounts> count_nodes(const PipelineFile& file, const PipelineState& state, const Standing& standing) {
  std::map<std::string, NodeCounts> nodes;
  for (const Node& node : file.nodes) nodes[node.name] = {};
  for (const auto& [id, job] : state.jobs()) count_job(job, standing, nodes[job.record.node]);
  for (const Node& node : file.nodes) {
    NodeCounts& counts = nodes[node.name];
    for (const Trigger& trigger : node.on)
      if (trigger.kind != Trigger::each) counts.waiting = std::max(counts.waiting, groups_without_job(node, trigger, state));
    // What has come to its end with failures will not complete them; one that was told to go so far may.
    if (standing.word == "ended" && state.exit_code() == static_cast<int>(ExitCode::incomplete))
      std::swap(counts.waiting, counts.counts.blocked);
  }
  return nodes;
}

std::vector<std::string> names_in_order(const PipelineFile& file, const std::map<std::string, NodeCounts>& nodes) {
  std::vector<std::string> names;
  for (const Node& node : file.nodes) names.push_back(node.name);
  for (const auto& [name, counts] : nodes)
    if (!file.node(name)) names.push_back(name);
  return names;
}

std::string counts_text(const NodeCounts& node) {
  const Counts& c = node.counts;
  const std::pair<std::int64_t, const char*> all[] = {
      {c.completed, "completed"}, {c.current, "current"}, {c.skipped, "skipped"},         {c.running, "running"},
      {c.ready, "ready"},         {c.failed, "FAILED"},   {c.quarantined, "QUARANTINED"},
  };
  std::vector<std::string> parts;
  for (const auto& [count, word] : all)
    if (count > 0) parts.push_back(fmt::format("{} {}", grouped(count), word));
  const auto groups = [](std::int64_t count) { return fmt::format("{} group{}", grouped(count), count == 1 ? "" : "s"); };
  if (node.waiting > 0) parts.push_back(groups(node.waiting) + " not complete yet");
  if (c.blocked > 0) parts.push_back(groups(c.blocked) + " BLOCKED");
  return parts.empty() ? "no job yet" : join(parts, ", ");
}

std::string kind_of(const PipelineFile& file, const std::string& node) {
  const Node* found = file.node(node);
  return !found ? "gone" : found->is_step ? "step" : "task";
}

std::string headline(const PipelineFile& file, const PipelineState& state, const Standing& standing) {
  std::string text = fmt::format("{} ({}): {}", one_line(file.name), one_line(file.path), standing.word);
  if (standing.word == "running") text += fmt::format(", held by {}, which lives", one_line(standing.holder));
  if (standing.word == "interrupted") text += ": its owner is gone and nobody holds the lock (the same command goes on)";
  if (standing.word == "ended") text += fmt::format(", exit code {}", state.exit_code());
  text += "\n";
  if (!state.sessions().empty()) {
    const SessionRecord& last = state.sessions().back();
    text += fmt::format("  session {} began {} UTC on {} by {}, process {}, {} slot{} there\n", state.sessions().size(),
                        utc_text(last.time_s), one_line(last.host), one_line(last.user), last.pid, last.slots, last.slots == 1 ? "" : "s");
  }
  const auto nodes = count_nodes(file, state, standing);
  std::size_t width = 0;
  for (const auto& [name, counts] : nodes) width = std::max(width, one_line(name).size());
  for (const std::string& name : names_in_order(file, nodes)) {
    const NodeCounts& counts = nodes.at(name);
    text += fmt::format("  {} {:<{}}  {}", kind_of(file, name), one_line(name), width, counts_text(counts));
    if (counts.cpu_s > 0.0) text += fmt::format("; {} of processors", duration_text(counts.cpu_s));
    if (counts.lost > 0) text += fmt::format("; {} attempts lost with their worker", grouped(counts.lost));
    text += "\n";
  }
  return text;
}

}  // namespace skyfold::workflow
