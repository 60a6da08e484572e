// What no longer counts: jobs that are done again, with all that came of them.
#include <fmt/core.h>

#include <algorithm>

#include "engine_impl.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::workflow {
namespace {

/// The part of `NAME.key=value` that concerns a job of a node; none when it speaks of another node.
std::optional<std::string> setting_for(const std::string& node, const std::string& set, const Flow& flow) {
  const std::size_t dot = set.find('.');
  if (dot == std::string::npos || dot > set.find('=') || flow.index_of(set.substr(0, dot)) < 0) return set;
  return set.substr(0, dot) == node ? std::optional(set.substr(dot + 1)) : std::nullopt;
}

}  // namespace

void Engine::Impl::retry_event(std::int64_t id, const std::vector<std::string>& sets) {
  const auto found = state.events().find(id);
  if (found == state.events().end()) throw UsageError(fmt::format("event {}: there is none", id));
  if (!found->second.is_valid) throw UsageError(fmt::format("event {}: it was invalidated, and others are in its place", id));
  std::vector<std::int64_t> jobs;
  for (const std::int64_t started : found->second.jobs)
    if (job(started).is_valid && instance_of(started) >= 0) jobs.push_back(started);
  if (jobs.empty()) throw UsageError(fmt::format("event {}: it has not started anything yet", id));
  std::vector<std::string> lines(jobs.size());
  for (const std::string& set : sets) {
    if (set.find('=') == std::string::npos) throw UsageError(fmt::format("--set {}: not of the form key=value", set));
    bool is_used = false;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const auto setting = setting_for(job(jobs[i]).record.node, set, flow);
      if (setting) lines[i] += *setting + "\n";
      is_used = is_used || setting;
    }
    if (!is_used) throw UsageError(fmt::format("--set {}: event {} starts no job of that node", set, id));
  }
  replace(jobs, lines, fmt::format("event {} is done again", id));
}

void Engine::Impl::retry_failed() {
  std::vector<std::int64_t> jobs;
  std::vector<std::string> sets;
  for (const auto& [id, what] : state.jobs()) {
    if (!what.is_valid || instance_of(id) < 0 || (what.state != "failed" && what.state != "quarantined")) continue;
    jobs.push_back(id);
    sets.push_back(what.record.set);
  }
  if (!jobs.empty()) replace(jobs, sets, "what has failed is done again");
}

void Engine::Impl::redo(std::int64_t id, const std::string& why) {
  const auto found = state.jobs().find(id);
  if (found == state.jobs().end() || !found->second.is_valid || instance_of(id) < 0)
    throw UsageError(fmt::format("job {}: there is none", id));
  replace({id}, {found->second.record.set}, why);
}

void Engine::Impl::replace(const std::vector<std::int64_t>& jobs, const std::vector<std::string>& sets, const std::string& why) {
  // A job that came of another one of them goes with it, and comes again by itself.
  std::set<std::int64_t> descendants;
  for (const std::int64_t id : jobs)
    for (const std::int64_t other : with_descendants({id}).jobs)
      if (other != id) descendants.insert(other);
  std::vector<JobRecord> renewed;
  std::vector<int> of_instances;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (descendants.contains(jobs[i])) continue;
    JobRecord& again = renewed.emplace_back(job(jobs[i]).record);
    again.id = ++last_job;
    again.set = sets[i];
    of_instances.push_back(instance_of(jobs[i]));
  }
  invalidate(jobs, why, renewed);
  for (std::size_t i = 0; i < renewed.size(); ++i) {
    Instance& instance = instances[static_cast<std::size_t>(of_instances[i])];
    count(instance, Instance::nowhere);
    attach(of_instances[i], renewed[i].id);
    count(instance, Instance::pending);
    enqueue(renewed[i].id);
  }
  settle();
}

InvalidRecord Engine::Impl::with_descendants(const std::vector<std::int64_t>& jobs) const {
  std::set<std::int64_t> all_jobs, all_events;
  std::vector<std::int64_t> open;
  const auto add = [&](std::int64_t id) {
    if (job(id).is_valid && all_jobs.insert(id).second) open.push_back(id);
  };
  for (const std::int64_t id : jobs) add(id);
  while (!open.empty()) {
    const JobState& next = job(open.back());
    open.pop_back();
    for (const EndRecord& end : next.ends)
      for (const EventRecord& event : end.events)
        if (state.events().at(event.id).is_valid && all_events.insert(event.id).second)
          for (const std::int64_t id : state.events().at(event.id).jobs) add(id);
  }
  return {{all_jobs.begin(), all_jobs.end()}, {all_events.begin(), all_events.end()}, ""};
}

void Engine::Impl::invalidate(const std::vector<std::int64_t>& jobs, const std::string& why, const std::vector<JobRecord>& again) {
  InvalidRecord invalid = with_descendants(jobs);
  if (invalid.jobs.empty()) return;
  invalid.why = why;
  invalid.again = again;
  for (const std::int64_t id : invalid.jobs) detach(id);
  emit(invalid);
  forget_events(invalid.events);
}

/// The instance waits again, as if it never had the job.
void Engine::Impl::detach(std::int64_t id) {
  for (const EndRecord& end : job(id).ends)
    for (const OutputFile& output : end.outputs)
      if (const auto claim = claims.find(output.path); claim != claims.end() && claim->second == id) claims.erase(claim);
  const int index = instance_of(id);
  if (index < 0) return;
  Instance& instance = instances[static_cast<std::size_t>(index)];
  if (instance.job != id) return;
  dequeue(id);
  change_count(job(id), -1);
  count(instance, Instance::nowhere);
  for (Group* const member : instance.groups) --member->fired;
  instance.job = 0;
  instance.readiness = Readiness::waiting;
  instance.keys = keys_of(instance);
  count(instance, Instance::pending);
  to_look_at.push_back(index);
}

void Engine::Impl::forget_events(const std::vector<std::int64_t>& events) {
  std::set<Group*, ByNumber> poorer;
  for (const std::int64_t id : events) {
    const EventRecord& event = state.events().at(id).record;
    for (const Listener& listener : flow.listeners(event.event_class)) {
      if (listener.gate >= 0) {
        if (const auto value = flow.gates()[static_cast<std::size_t>(listener.gate)].value(event.keys))
          poorer.insert(&group(listener.gate, *value));
        continue;
      }
      auto& driven = driven_by[static_cast<std::size_t>(listener.node)];
      const auto first = driven.find(id);
      if (first == driven.end()) continue;
      const int rows = static_cast<int>(flow.nodes()[static_cast<std::size_t>(listener.node)].rows.size());
      for (int row = 0; row < rows; ++row) drop(first->second + row);
      driven.erase(first);
    }
  }
  for (Group* const one : poorer) prune(*one);
}

void Engine::Impl::drop(int index) {
  Instance& instance = instances[static_cast<std::size_t>(index)];
  count(instance, Instance::nowhere);
  counts.blocked -= instance.job == 0 && instance.readiness == Readiness::blocked;
  instance.readiness = Readiness::waiting;
  instance.is_dropped = true;
}

void Engine::Impl::prune(Group& poorer) {
  std::erase_if(poorer.events, [&](std::int64_t id) { return !state.events().at(id).is_valid; });
  poorer.common.clear();
  for (const std::int64_t id : poorer.events) {
    const Keys& keys = state.events().at(id).record.keys;
    if (id == poorer.events.front())
      poorer.common = keys;
    else
      keep_common(poorer.common, keys);
  }
  const Gate& gate = flow.gates()[static_cast<std::size_t>(poorer.gate)];
  if (poorer.events.empty() && flow.nodes()[static_cast<std::size_t>(gate.node)].driving_gate == poorer.gate) {
    for (const int index : poorer.instances) drop(index);
    poorer.instances.clear();
    return;
  }
  for (const int index : poorer.instances)
    if (!instances[static_cast<std::size_t>(index)].is_dropped && instances[static_cast<std::size_t>(index)].job == 0) update_keys(index);
  touch(poorer);
}

}  // namespace skyfold::workflow
