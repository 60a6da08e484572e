// A pipeline in virtual time: the engine of real runs hands out jobs; how long they take, and what they emit, comes from an earlier run.
#include "skyfold/workflow/forecast.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <queue>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/workflow/engine.hpp"
#include "skyfold/workflow/view.hpp"

namespace skyfold::workflow {
namespace {

/// A job by what it is, not by its number.
std::string code_of(const std::string& node, Keys keys) {
  std::sort(keys.begin(), keys.end());
  std::string code = node;
  for (const auto& [name, value] : keys) code += fmt::format("\n{}:{}={}", value.size(), name, value);
  return code;
}

/// Jobs of an earlier run that have completed.
class Memory {
 public:
  explicit Memory(const PipelineState& earlier) {
    for (const auto& [id, job] : earlier.jobs()) {
      if (!job.is_valid || job.state != "completed") continue;
      by_code_.emplace(code_of(job.record.node, job.record.keys), &job);
      by_node_[job.record.node].push_back(&job);
    }
  }
  struct Found {
    const JobState* job = nullptr;
    bool is_same = false;
  };
  [[nodiscard]] Found find(const JobRecord& wanted) const {
    const std::string code = code_of(wanted.node, wanted.keys);
    if (const auto same = by_code_.find(code); same != by_code_.end()) return {same->second, true};
    const auto like = by_node_.find(wanted.node);
    if (like == by_node_.end()) return {};
    // By the job's keys and not by its number, so that other slots draw the same.
    return {like->second[hash_text(code) % like->second.size()], false};
  }

 private:
  std::map<std::string, const JobState*> by_code_;
  std::map<std::string, std::vector<const JobState*>> by_node_;
};

/// What a job emits: what its like did, with keys of its own where it has them.
std::vector<EventRecord> events_like(const JobState& like, const Keys& keys) {
  std::vector<EventRecord> events;
  for (const EventRecord& event : like.ends.back().events) {
    EventRecord& copy = events.emplace_back(EventRecord{0, 0, event.event_class, event.keys});
    for (auto& [name, value] : copy.keys)
      if (const auto own = value_of(keys, name)) value = *own;
  }
  return events;
}

/// The farm: an engine, a clock, and jobs that end.
class VirtualFarm {
 public:
  VirtualFarm(const PipelineFile& file, const PipelineState& earlier, int slots, const MachineTerms& terms)
      : file_(file), earlier_(earlier), memory_(earlier), terms_(terms), engine_(file, [](const Record&) {}), free_(slots) {
    result_.slots = slots;
  }

  Forecast play(const std::vector<Keys>& targets) {
    most_jobs_ = most_jobs(targets);
    engine_.begin(targets, {});
    while (true) {
      while (const auto job = engine_.next(free_, result_.slots)) begin(*job);
      if (running_.empty()) break;
      end_next();
    }
    result_.wall_s = now_s_;
    for (auto& [name, node] : result_.nodes)
      if (!node.walls.empty()) {
        node.median_s = median(node.walls);
        node.longest_s = *std::max_element(node.walls.begin(), node.walls.end());
      }
    result_.cost = result_.wall_s / 3600.0 * (terms_.price * result_.slots + terms_.fixed_price);
    return std::move(result_);
  }

 private:
  struct Running {
    double end_s = 0.0;
    std::int64_t job = 0;
    int slots = 1;
    bool operator>(const Running& other) const { return end_s != other.end_s ? end_s > other.end_s : job > other.job; }
  };

  /// Far more than there can be: each root event has in proportion as many jobs as before.
  [[nodiscard]] double most_jobs(const std::vector<Keys>& targets) const {
    std::int64_t roots = 0;
    for (const auto& [id, event] : earlier_.events()) roots += event.is_valid && event.record.parent == 0;
    const auto before = static_cast<double>(earlier_.jobs().size()) + static_cast<double>(file_.nodes.size());
    return 1000.0 + 50.0 * before * (1.0 + static_cast<double>(targets.size())) / (1.0 + static_cast<double>(roots));
  }

  void begin(std::int64_t id) {
    // Jobs that are drawn emit with keys of their own: what counted rounds in a circle may count no longer.
    if (static_cast<double>(++begun_) > most_jobs_)
      throw DataError(
          fmt::format("{}: no end in virtual time (tasks start one another in a circle, and their rounds cannot be told)", file_.path));
    const JobRecord record = engine_.state().jobs().at(id).record;
    const Node* node = file_.node(record.node);
    if (node && !node->condition.empty() && !holds_for(node->condition, record.keys)) return skip(id);
    const int slots = !node || node->slots == 0 ? result_.slots : std::min(node->slots, result_.slots);
    const Memory::Found like = memory_.find(record);
    const double wall = like.job ? like.job->ends.back().wall_s : 0.0;
    const double seconds = expected_seconds(wall, terms_.preemptions_per_hour);
    if (!std::isfinite(seconds))
      throw DataError(fmt::format("a job of {} needs {}: with {} preemptions per hour it never ends", one_line(record.node),
                                  duration_text(wall), terms_.preemptions_per_hour));
    Forecast::OfNode& of_node = result_.nodes[record.node];
    ++of_node.jobs;
    of_node.known += like.is_same;
    if (like.job) of_node.walls.push_back(wall);
    of_node.slot_s += seconds * slots;
    result_.slot_s += seconds * slots;
    engine_.start(id, "virtual", "virtual", now_s_);
    free_ -= slots;
    running_.push({now_s_ + seconds, id, slots});
  }

  void skip(std::int64_t id) {
    EndRecord end;
    end.job = id;
    end.attempt = 0;
    end.how = "skipped";
    end.time_s = now_s_;
    engine_.end(end);
  }

  void end_next() {
    const Running ended = running_.top();
    running_.pop();
    now_s_ = ended.end_s;
    free_ += ended.slots;
    const JobState& job = engine_.state().jobs().at(ended.job);
    const Memory::Found like = memory_.find(job.record);
    EndRecord end;
    end.job = ended.job;
    end.attempt = job.starts.back().attempt;
    end.how = "completed";
    end.time_s = now_s_;
    if (like.job) end.events = events_like(*like.job, job.record.keys);
    engine_.end(std::move(end));
  }

  const PipelineFile& file_;
  const PipelineState& earlier_;
  Memory memory_;
  MachineTerms terms_;
  Engine engine_;
  int free_;
  std::int64_t begun_ = 0;
  double now_s_ = 0.0, most_jobs_ = 0.0;
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running_;
  Forecast result_;
};

}  // namespace

double expected_seconds(double wall_s, double preemptions_per_hour) {
  const double rate = preemptions_per_hour / 3600.0;
  return rate > 0.0 ? std::expm1(rate * wall_s) / rate : wall_s;
}

Forecast forecast(const PipelineFile& file, const PipelineState& earlier, const std::vector<Keys>& targets, int slots,
                  const MachineTerms& terms) {
  return VirtualFarm(file, earlier, slots, terms).play(targets);
}

}  // namespace skyfold::workflow
