// What was used by whom: attempts at jobs, summed by step, task, user or machine.
#include "skyfold/workflow/usage.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "skyfold/core/escape.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/view.hpp"

namespace skyfold::workflow {
namespace {

/// User of the session in which an attempt began.
std::string user_at(const PipelineState& state, double time_s) {
  std::string user = "unknown";
  for (const SessionRecord& session : state.sessions())
    if (session.time_s <= time_s) user = session.user;
  return user;
}

/// Under which name an attempt counts; "" for none.
std::string name_of(const PipelineFile& file, const PipelineState& state, const JobState& job, const Attempt& attempt,
                    const std::string& by) {
  if (by == "node") return job.record.node;
  if (by == "step" || by == "task") return kind_of(file, job.record.node) == by ? job.record.node : "";
  return by == "host" ? attempt.start->host : user_at(state, attempt.start->time_s);
}

void count_attempt(const Attempt& attempt, int slots, Usage& usage) {
  ++usage.attempts;
  if (!attempt.end) return;
  const EndRecord& end = *attempt.end;
  usage.completed += end.how == "completed";
  usage.failed += end.how == "failed" || end.how == "killer";
  usage.lost += end.how == "lost";
  usage.cpu_s += end.cpu_s;
  usage.slot_s += end.wall_s * slots;
  usage.wall_s += end.wall_s;
  usage.longest_s = std::max(usage.longest_s, end.wall_s);
  usage.memory_bytes = std::max(usage.memory_bytes, end.memory_bytes);
}

std::string memory_text(std::int64_t bytes) { return bytes > 0 ? fmt::format("{:.1f}", static_cast<double>(bytes) / 1e6) : "-"; }

}  // namespace

std::vector<Usage> usage_by(const PipelineFile& file, const PipelineState& state, const std::string& by) {
  std::map<std::string, Usage> found;
  Usage all;
  all.name = "all";
  for (const auto& [id, job] : state.jobs()) {
    const Node* node = file.node(job.record.node);
    const int slots = node ? std::max(1, node->slots) : 1;
    std::set<std::string> names;
    for (const Attempt& attempt : attempts_of(job)) {
      const std::string name = name_of(file, state, job, attempt, by);
      if (name.empty()) continue;
      names.insert(name);
      for (Usage* usage : {&found[name], &all}) count_attempt(attempt, slots, *usage);
    }
    for (const std::string& name : names) ++found[name].jobs;
    all.jobs += !names.empty();
  }
  std::vector<Usage> rows;
  const auto take = [&](const std::string& name) {
    if (const auto place = found.find(name); place != found.end()) {
      rows.push_back(place->second);
      rows.back().name = name;
      found.erase(place);
    }
  };
  for (const Node& node : file.nodes)
    if (by != "user" && by != "host") take(node.name);
  while (!found.empty()) take(std::string(found.begin()->first));
  rows.push_back(all);
  return rows;
}

LogTable usage_table(const std::vector<Usage>& rows, const std::string& by) {
  LogTable table;
  table.columns = {by,           "jobs",       "attempts",      "completed",        "failed",         "lost",
                   "core hours", "slot hours", "wall mean [s]", "wall longest [s]", "memory max [MB]"};
  for (const Usage& row : rows) {
    const double mean = row.attempts > 0 ? row.wall_s / static_cast<double>(row.attempts) : 0.0;
    table.rows.push_back({one_line(row.name), grouped(row.jobs), grouped(row.attempts), grouped(row.completed), grouped(row.failed),
                          grouped(row.lost), fmt::format("{:.4f}", row.cpu_s / 3600.0), fmt::format("{:.4f}", row.slot_s / 3600.0),
                          fmt::format("{:.2f}", mean), fmt::format("{:.2f}", row.longest_s), memory_text(row.memory_bytes)});
  }
  return table;
}

}  // namespace skyfold::workflow
