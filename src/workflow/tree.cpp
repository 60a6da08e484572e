// The tree of a pipeline's events and jobs by parentage (Williams et al. 2018, section 3, show one), and what of it is shown when it is
// long.
#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/view.hpp"

namespace skyfold::workflow {
namespace {

/// "rank 2, node07": a host that the agent's name has already is not said twice.
std::string place_of(const StartRecord& start) {
  const std::string agent = one_line(start.agent), host = one_line(start.host);
  if (agent.empty() || host.empty()) return agent + host;
  return agent.find(host) != std::string::npos ? agent : agent + ", " + host;
}

/// Seconds of the last attempt; so far, of one that runs.
double last_seconds(const JobState& job, const Standing& standing) {
  if (job.state == "running" && !job.starts.empty()) return std::max(0.0, standing.now_s - job.starts.back().time_s);
  return job.ends.empty() ? 0.0 : job.ends.back().wall_s;
}

/// What is said of a job in brackets.
std::string remarks_of(const JobState& job, const Standing& standing, const std::string& word) {
  std::vector<std::string> parts;
  if (word == "skipped") parts.emplace_back("its condition was false");
  if (word != "skipped" && word != "current" && !job.starts.empty()) {
    parts.push_back(place_of(job.starts.back()));
    if (word != "ready" && word != "interrupted") parts.push_back(duration_text(last_seconds(job, standing)));
  }
  if (job.attempts > 1) parts.push_back(fmt::format("attempt {}", job.attempts));
  if (job.lost > 0) parts.push_back(fmt::format("{} lost", job.lost));
  if (const std::string failure = failure_text(job); !failure.empty()) parts.push_back(failure);
  return parts.empty() ? "" : " (" + join(parts, ", ") + ")";
}

}  // namespace

/// Children of events and jobs, by id, in order.
struct StateTree::Index {
  std::unordered_map<std::int64_t, std::vector<const JobState*>> of_event;
  std::unordered_map<std::int64_t, std::vector<const EventState*>> of_job;
  std::vector<Row> waiting;  ///< stack of rows that are to be added, the next one last
};

StateTree::StateTree(const PipelineFile& file, const PipelineState& state, const Standing& standing, bool with_invalid)
    : file_(file), state_(state), standing_(standing), with_invalid_(with_invalid) {
  Index index;
  std::vector<Row> roots;
  for (const auto& [id, job] : state.jobs()) {
    if (!job.is_valid && !with_invalid) continue;
    if (job.record.events.empty())
      roots.push_back({nullptr, &job});
    else
      index.of_event[*std::max_element(job.record.events.begin(), job.record.events.end())].push_back(&job);
  }
  for (const auto& [id, event] : state.events()) {
    if (!event.is_valid && !with_invalid) continue;
    if (event.record.parent == 0)
      roots.push_back({&event, nullptr});
    else
      index.of_job[event.record.parent].push_back(&event);
  }
  rows_.reserve(state.jobs().size() + state.events().size());
  // Of its own stack and not by recursion: chains may be as long as the pipeline has jobs.
  index.waiting.assign(roots.rbegin(), roots.rend());
  while (!index.waiting.empty()) {
    const Row row = index.waiting.back();
    index.waiting.pop_back();
    add(row, index);
  }
  for (std::size_t i = rows_.size(); i-- > 0;) {
    Row& row = rows_[i];
    row.end = std::max(row.end, i + 1);
    if (row.job && is_failing(*row.job)) ++row.failing;
    if (row.parent == i) continue;
    rows_[row.parent].failing += row.failing;
    rows_[row.parent].end = std::max(rows_[row.parent].end, row.end);
  }
}

void StateTree::add(const Row& row, Index& index) {
  rows_.push_back(row);
  Row& added = rows_.back();
  const std::size_t place = rows_.size() - 1;
  if (added.depth == 0) added.parent = place;
  const auto wait = [&](const auto& children, auto make) {
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      Row next = make(*child);
      next.depth = row.depth + 1;
      next.parent = place;
      index.waiting.push_back(next);
    }
  };
  if (row.event) {
    if (const auto found = index.of_event.find(row.event->record.id); found != index.of_event.end())
      wait(found->second, [](const JobState* job) { return Row{nullptr, job}; });
  } else if (const auto found = index.of_job.find(row.job->record.id); found != index.of_job.end()) {
    wait(found->second, [](const EventState* event) { return Row{event, nullptr}; });
  }
}

std::string StateTree::event_word(const EventState& event) const {
  if (!event.is_valid) return "no longer counts";
  bool has_job = false, is_done = true;
  for (const std::int64_t id : event.jobs) {
    const JobState& job = state_.jobs().at(id);
    if (!job.is_valid) continue;
    has_job = true;
    if (job.state == "running") return word_of(job, standing_);
    is_done = is_done && job.state != "ready";
  }
  if (has_job) return is_done ? "completed" : "ready";
  const auto waits = [&](const Node& node) {
    return std::any_of(node.on.begin(), node.on.end(), [&](const Trigger& t) { return t.event_class == event.record.event_class; });
  };
  // One that nobody waits for has done its part by being there.
  return std::any_of(file_.nodes.begin(), file_.nodes.end(), waits)
             ? (standing_.word == "ended" && state_.exit_code() == static_cast<int>(ExitCode::incomplete) ? "blocked" : "waits for others")
             : "completed";
}

std::string StateTree::event_text(const Row& row) const {
  const EventState& event = *row.event;
  std::string text = fmt::format("Event({}) {}", event.record.id, one_line(class_text(file_, event.record.event_class)));
  if (const std::string keys = keys_text(event.record.keys); !keys.empty()) text += " " + keys;
  text += ": " + event_word(event);
  for (const std::int64_t id : event.jobs) {
    const JobRecord& job = state_.jobs().at(id).record;
    const bool is_elsewhere = *std::max_element(job.events.begin(), job.events.end()) != event.record.id;
    if (is_elsewhere && (with_invalid_ || state_.jobs().at(id).is_valid)) text += fmt::format(", in Job({})", id);
  }
  if (row.failing > 0) text += fmt::format(", {} failed below", grouped(row.failing));
  return text;
}

std::string StateTree::job_text(const Row& row) const {
  const JobState& job = *row.job;
  const std::string word = job.is_valid ? word_of(job, standing_) : "no longer counts";
  std::string text =
      fmt::format("Job({}): {}{} for {}({})", job.record.id, is_failing(job) ? upper(word) : word, remarks_of(job, standing_, word),
                  kind_of(file_, job.record.node) == "step" ? "Step" : "Task", one_line(job.record.node));
  if (job.record.events.size() > 1) text += fmt::format(", {} events", grouped(std::ssize(job.record.events)));
  if (!job.starts.empty() && (is_failing(job) || word == "running" || word == "interrupted"))
    text += "   " + one_line(log_path(standing_, job));
  return text;
}

std::string StateTree::text(std::size_t row) const { return rows_[row].event ? event_text(rows_[row]) : job_text(rows_[row]); }

std::vector<char> StateTree::wanted(const TreeChoice& choice) const {
  std::vector<char> wanted(rows_.size(), 1);
  if (choice.failed)
    for (std::size_t i = 0; i < rows_.size(); ++i) wanted[i] = rows_[i].failing > 0;
  if (choice.find.empty()) return wanted;
  std::vector<char> found(rows_.size(), 0);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    // What comes of a row that was found belongs to it.
    found[i] = (i != rows_[i].parent && found[rows_[i].parent] == 1) || text(i).find(choice.find) != std::string::npos;
    if (!found[i]) continue;
    for (std::size_t up = rows_[i].parent; !found[up]; up = rows_[up].parent) found[up] = 2;
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) wanted[i] = wanted[i] && found[i];
  return wanted;
}

std::vector<char> StateTree::within_limit(const std::vector<char>& wanted, const TreeChoice& choice) const {
  if (choice.lines == 0) return wanted;
  std::vector<char> shown(rows_.size(), 0);
  std::int64_t left = choice.lines;
  const auto show = [&](std::size_t row) {
    std::vector<std::size_t> path;
    for (std::size_t up = row; !shown[up]; up = rows_[up].parent) {
      path.push_back(up);
      if (up == rows_[up].parent) break;
    }
    // A line without those above it would hang in the air.
    if (std::ssize(path) > left) return;
    for (const std::size_t i : path) shown[i] = 1;
    left -= std::ssize(path);
  };
  const auto show_all = [&](auto is_chosen) {
    for (std::size_t i = 0; i < rows_.size() && left > 0; ++i)
      if (wanted[i] && is_chosen(rows_[i])) show(i);
  };
  show_all([](const Row& row) { return row.job && is_failing(*row.job); });
  show_all([](const Row& row) { return row.job && row.job->state == "running"; });
  show_all([](const Row&) { return true; });
  return shown;
}

std::string StateTree::left_out_text(const std::vector<std::size_t>& tops, const std::vector<char>& wanted) const {
  std::int64_t events = 0, jobs = 0;
  std::map<std::string, std::int64_t> words;
  for (const std::size_t top : tops)
    for (std::size_t i = top; i < rows_[top].end; ++i) {
      if (!wanted[i]) continue;
      ++(rows_[i].event ? events : jobs);
      if (rows_[i].job) ++words[rows_[i].job->is_valid ? word_of(*rows_[i].job, standing_) : "no longer count"];
    }
  if (events + jobs == 0) return "";
  std::vector<std::string> parts;
  for (const auto& [word, count] : words) parts.push_back(fmt::format("{} {}", grouped(count), word));
  std::string text = "... left out: ";
  if (events > 0) text += fmt::format("{} event{}", grouped(events), events == 1 ? "" : "s");
  if (jobs > 0) text += fmt::format("{}{} job{} ({})", events > 0 ? ", " : "", grouped(jobs), jobs == 1 ? "" : "s", join(parts, ", "));
  return text;
}

std::vector<StateTree::Line> StateTree::lines(const TreeChoice& choice) const {
  const std::vector<char> wanted_rows = wanted(choice), shown = within_limit(wanted_rows, choice);
  std::vector<Line> lines;
  std::vector<std::size_t> left_out;  // neighbours below one parent
  const auto tell_left_out = [&] {
    if (left_out.empty()) return;
    if (std::string text = left_out_text(left_out, wanted_rows); !text.empty())
      lines.push_back({rows_[left_out.front()].depth, 0, true, std::move(text)});
    left_out.clear();
  };
  for (std::size_t i = 0; i < rows_.size();) {
    if (!left_out.empty() && (shown[i] || rows_[i].depth != rows_[left_out.front()].depth)) tell_left_out();
    if (shown[i]) {
      lines.push_back({rows_[i].depth, i, false, text(i)});
      ++i;
    } else {
      left_out.push_back(i);
      i = rows_[i].end;
    }
  }
  tell_left_out();
  return lines;
}

}  // namespace skyfold::workflow
