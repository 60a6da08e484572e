// What happens in a pipeline, as the engine is told of it: attempts begin and end, agents vanish, events come from outside.
#include "skyfold/workflow/engine.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>

#include "engine_impl.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::workflow {
namespace {

bool is_done(const std::string& how) { return how == "completed" || how == "current"; }

/// Keys of an event that a job emits: those of the job, for it is known below to what it belongs, and those it is given.
Keys with_inherited(const Keys& of_job, const Keys& given) {
  Keys keys;
  for (const auto& [name, value] : of_job)
    if (!is_product_key(name)) keys.emplace_back(name, value);
  for (const auto& [name, value] : given) set_key(keys, name, value);
  return keys;
}

/// A failure has neither events nor outputs.
void fail(EndRecord& end, std::string message) {
  end.how = "failed";
  end.message = std::move(message);
}

void strip(EndRecord& end) {
  end.events.clear();
  end.outputs.clear();
}

}  // namespace

Engine::Impl::Impl(const PipelineFile& pipeline, std::function<void(const Record&)> to_journal)
    : file(pipeline), record(std::move(to_journal)), flow(pipeline, faults), queue(flow.nodes()) {
  if (!faults.empty()) throw UsageError(faults.front().text());
  groups.resize(flow.gates().size());
  any.resize(flow.gates().size());
  unsettled.resize(flow.gates().size());
  driven_by.resize(flow.nodes().size());
  from_beginning.resize(flow.nodes().size());
}

void Engine::Impl::emit(const Record& what) {
  record(what);
  state.apply(what);
}

void Engine::Impl::start(std::int64_t id, const std::string& agent, const std::string& host, double time_s) {
  const JobState& started = job(id);
  if (started.state != "ready" || !started.is_valid) throw std::logic_error(fmt::format("job {} is not ready to be started", id));
  Instance& instance = instances[static_cast<std::size_t>(instance_of(id))];
  dequeue(id);
  now_s = std::max(now_s, time_s);
  change_count(started, -1);
  emit(StartRecord{id, static_cast<int>(started.starts.size()) + 1, time_s, agent, host});
  change_count(started, 1);
  instance.runs = id;
  running[agent].insert(id);
  ++running_count;
  queue.started(instance.node);
}

std::string Engine::Impl::fault_of(const EndRecord& end, const JobState& ended, int node) const {
  for (const EventRecord& event : end.events)
    if (std::string fault = flow.fault_of(event, node, ended.record.keys); !fault.empty()) return fault;
  for (const OutputFile& output : end.outputs)
    if (const auto claim = claims.find(output.path); claim != claims.end() && claim->second != end.job)
      return fmt::format("output {} is already that of job {} ({})", output.path, claim->second, job(claim->second).record.node);
  return "";
}

void Engine::Impl::complete_events(EndRecord& end, const JobState& ended, int node) {
  const Node& what = *flow.nodes()[static_cast<std::size_t>(node)].node;
  const std::string own = "@" + what.name;
  if (what.is_step && std::ranges::find(end.events, own, &EventRecord::event_class) == end.events.end())
    end.events.push_back({0, 0, own, {}});
  for (EventRecord& event : end.events) {
    event.keys = with_inherited(ended.record.keys, event.keys);
    event.parent = end.job;
  }
}

/// What the record of an end says: a success may be none after all, and what no longer counts has no events.
void Engine::Impl::judge(EndRecord& end, const JobState& ended, int node) {
  if (is_done(end.how) && ended.is_valid) {
    complete_events(end, ended, node);
    if (std::string fault = fault_of(end, ended, node); !fault.empty()) fail(end, std::move(fault));
  }
  if (!is_done(end.how) || !ended.is_valid) strip(end);
  const int attempts_at_most = flow.nodes()[static_cast<std::size_t>(node)].node->attempts;
  end.again = end.how == "failed" && ended.is_valid && ended.state == "running" && ended.attempts < attempts_at_most;
  for (EventRecord& event : end.events) event.id = ++last_event;
}

bool Engine::Impl::end(EndRecord end) {
  const auto found = state.jobs().find(end.job);
  const int index = instance_of(end.job);
  if (found == state.jobs().end() || index < 0) return false;
  const JobState& ended = found->second;
  const bool runs = ended.state == "running" && static_cast<int>(ended.starts.size()) == end.attempt;
  const bool needs_no_start =
      ended.state == "ready" && ended.is_valid && (end.how == "current" || end.how == "skipped" || end.how == "failed");
  if (!runs && !needs_no_start) return false;
  if (needs_no_start) dequeue(end.job);
  now_s = std::max(now_s, end.time_s);
  judge(end, ended, instances[static_cast<std::size_t>(index)].node);
  if (ended.is_valid) change_count(ended, -1);
  const std::string agent = runs ? ended.starts.back().agent : "";
  emit(end);
  if (ended.is_valid) change_count(ended, 1);
  if (runs) {
    running[agent].erase(end.job);
    --running_count;
    queue.ended(instances[static_cast<std::size_t>(index)].node);
    instances[static_cast<std::size_t>(index)].runs = 0;
  }
  for (const EventRecord& event : end.events) deliver(event);
  for (const OutputFile& output : end.outputs) claims[output.path] = end.job;
  after_end(end.job, index);
  settle();
  return true;
}

/// What becomes of the instance whose job has ended, which may be another job by now.
void Engine::Impl::after_end(std::int64_t id, int index) {
  Instance& instance = instances[static_cast<std::size_t>(index)];
  if (instance.job == 0) return;
  const JobState& present = job(instance.job);
  if (present.state == "ready") return enqueue(instance.job);
  if (instance.job != id) return;
  const bool has_failed = present.state == "failed" || present.state == "quarantined";
  count(instance, has_failed ? Instance::failed : Instance::nowhere);
}

/// A job that no agent sees.
void Engine::Impl::finish_unstarted(std::int64_t id, const std::string& how, const std::string& message) {
  EndRecord end;
  end.job = id;
  end.attempt = 0;
  end.how = how;
  end.message = message;
  end.time_s = now_s;
  change_count(job(id), -1);
  emit(end);
  change_count(job(id), 1);
  count(instances[static_cast<std::size_t>(instance_of(id))], how == "failed" ? Instance::failed : Instance::nowhere);
}

void Engine::Impl::lose(const std::string& agent, double time_s, std::int64_t killer) {
  const std::set<std::int64_t> lost = running[agent];
  for (const std::int64_t id : lost) {
    EndRecord lost_end;
    lost_end.job = id;
    lost_end.attempt = static_cast<int>(job(id).starts.size());
    lost_end.how = id == killer ? "killer" : "lost";
    lost_end.time_s = time_s;
    end(lost_end);
  }
  running.erase(agent);
}

void Engine::Impl::add_root(const std::string& event_class, const Keys& keys) {
  const bool is_target = std::ranges::find(file.target_classes, event_class) != file.target_classes.end();
  EventRecord event{0, 0, is_target ? "@start" : event_class, keys};
  if (roots.contains(event.event_class + " " + code_of(keys))) return;
  if (event.event_class.starts_with('@') && event.event_class != "@start")
    throw UsageError(fmt::format("event {}: classes that begin with @ are those of steps", event_class));
  if (const std::string fault = flow.fault_of(event); !fault.empty()) throw UsageError(fault);
  event.id = ++last_event;
  emit(event);
  roots.insert(event.event_class + " " + code_of(keys));
  deliver(event);
}

Engine::Engine(const PipelineFile& file, std::function<void(const Record&)> record)
    : impl_(std::make_unique<Impl>(file, std::move(record))) {}
Engine::~Engine() = default;

void Engine::replay(const Record& record) {
  impl_->state.apply(record);
  if (const auto* session = std::get_if<SessionRecord>(&record)) impl_->now_s = std::max(impl_->now_s, session->time_s);
  if (const auto* end = std::get_if<EndRecord>(&record)) impl_->now_s = std::max(impl_->now_s, end->time_s);
}
void Engine::begin(const std::vector<Keys>& targets, const std::set<std::string>& chosen_nodes) { impl_->begin(targets, chosen_nodes); }
std::optional<std::int64_t> Engine::next(int free_slots, int all_slots, bool tasks_only) {
  return impl_->queue.top(free_slots, all_slots, tasks_only);
}
void Engine::start(std::int64_t job, const std::string& agent, const std::string& host, double time_s) {
  impl_->start(job, agent, host, time_s);
}
bool Engine::end(EndRecord end) { return impl_->end(std::move(end)); }
void Engine::lose(const std::string& agent, double time_s, std::int64_t killer) { impl_->lose(agent, time_s, killer); }
void Engine::add_root(const std::string& event_class, const Keys& keys) {
  impl_->add_root(event_class, keys);
  impl_->settle();
}
void Engine::retry_event(std::int64_t event, const std::vector<std::string>& sets) { impl_->retry_event(event, sets); }
void Engine::retry_failed() { impl_->retry_failed(); }
void Engine::redo(std::int64_t job, const std::string& why) { impl_->redo(job, why); }
bool Engine::is_over() const { return impl_->running_count == 0 && impl_->queue.is_empty(); }
Counts Engine::counts() const { return impl_->counts; }
const PipelineState& Engine::state() const noexcept { return impl_->state; }
const PipelineFile& Engine::file() const noexcept { return impl_->file; }

void check_flow(const PipelineFile& file, std::vector<Fault>& faults) { (void)Flow(file, faults); }

}  // namespace skyfold::workflow
