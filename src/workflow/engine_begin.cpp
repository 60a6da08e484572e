// A session begins: what earlier ones left is put together with what the file says now. Whatever record was the last, the rest follows
// here.
#include <algorithm>
#include <numeric>

#include "engine_impl.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::workflow {

void Engine::Impl::begin(const std::vector<Keys>& targets, const std::set<std::string>& chosen_nodes) {
  chosen = chosen_nodes;
  if (!state.events().empty()) last_event = state.events().rbegin()->first;
  if (!state.jobs().empty()) last_job = state.jobs().rbegin()->first;
  forget_runners();
  for (std::size_t node = 0; node < flow.nodes().size(); ++node)
    if (!flow.nodes()[node].is_driven) make_instances(static_cast<int>(node), 0, nullptr);
  for (const auto& [id, event] : state.events()) {
    if (event.record.parent == 0) roots.insert(event.record.event_class + " " + code_of(event.record.keys));
    if (!event.is_valid) continue;
    if (const std::string fault = flow.fault_of(event.record); !fault.empty()) throw UsageError(fault);
    deliver(event.record);
  }
  attach_all();
  for (const Keys& keys : targets) add_root("@start", keys);
  if (file.targets.empty() && targets.empty()) add_root("@start", {});
  settle();
}

/// What ran when the last session ended does so no longer, as the owner of the pipeline sees to.
void Engine::Impl::forget_runners() {
  std::vector<EndRecord> ends;
  for (const auto& [id, one] : state.jobs()) {
    if (one.state != "running") continue;
    EndRecord& end = ends.emplace_back();
    end.job = id;
    end.attempt = static_cast<int>(one.starts.size());
    end.how = "lost";
    end.time_s = now_s;
  }
  for (const EndRecord& end : ends) emit(end);
}

/// Instances of a node for the event or group that started a job, one for each row.
std::vector<int> Engine::Impl::family_of(const JobRecord& what, int node) const {
  const PlannedNode& planned = flow.nodes()[static_cast<std::size_t>(node)];
  if (!planned.is_driven) return from_beginning[static_cast<std::size_t>(node)];
  const auto& driven = driven_by[static_cast<std::size_t>(node)];
  for (const std::int64_t id : what.events) {
    if (planned.driving_gate >= 0) {
      const EventRecord& event = state.events().at(id).record;
      const Gate& gate = flow.gates()[static_cast<std::size_t>(planned.driving_gate)];
      const auto value = gate.value(event.keys);
      if (!value || event.event_class != gate.trigger->event_class) continue;
      const auto& of_gate = groups[static_cast<std::size_t>(planned.driving_gate)];
      if (const auto found = of_gate.find(*value); found != of_gate.end()) return found->second.instances;
    } else if (const auto first = driven.find(id); first != driven.end()) {
      std::vector<int> family(planned.rows.size());
      std::iota(family.begin(), family.end(), first->second);
      return family;
    }
  }
  return {};
}

int Engine::Impl::instance_for(const JobRecord& what, int node) const {
  for (const int index : family_of(what, node)) {
    const Instance& instance = instances[static_cast<std::size_t>(index)];
    const Keys& row = flow.nodes()[static_cast<std::size_t>(node)].rows[static_cast<std::size_t>(instance.row)];
    const auto is_in_job = [&](const auto& pair) {
      const std::string* const value = find_key(what.keys, pair.first);
      return value && *value == pair.second;
    };
    if (std::ranges::all_of(row, is_in_job)) return index;
  }
  return -1;
}

bool Engine::Impl::has_all_events(const JobRecord& what, const Instance& instance) const {
  std::vector<std::int64_t> expected;
  if (instance.event != 0) expected.push_back(instance.event);
  for (const Group* const member : instance.groups) expected.insert(expected.end(), member->events.begin(), member->events.end());
  std::vector<std::int64_t> has = what.events;
  std::ranges::sort(expected);
  std::ranges::sort(has);
  return expected == has;
}

void Engine::Impl::attach_all() {
  std::vector<std::int64_t> unfit, poorer;
  for (const auto& [id, one] : state.jobs()) {
    const int node = one.is_valid ? flow.index_of(one.record.node) : -1;
    if (node < 0) continue;
    const int index = instance_for(one.record, node);
    if (index < 0 || instances[static_cast<std::size_t>(index)].job != 0) {
      unfit.push_back(id);
      continue;
    }
    attach_old(index, id);
    if (!has_all_events(one.record, instances[static_cast<std::size_t>(index)])) poorer.push_back(id);
  }
  invalidate(unfit, "the file does not ask for it any more");
  invalidate(poorer, "events have come that belong to its group, or its triggers have changed");
  for (std::size_t i = 0; i < instances.size(); ++i)
    if (instances[i].job != 0 && job(instances[i].job).state == "ready") enqueue(instances[i].job);
}

void Engine::Impl::attach_old(int index, std::int64_t id) {
  Instance& instance = instances[static_cast<std::size_t>(index)];
  const JobState& one = job(id);
  count(instance, Instance::nowhere);
  attach(index, id);
  instance.keys.clear();
  instance.readiness = Readiness::open;
  const bool has_failed = one.state == "failed" || one.state == "quarantined";
  count(instance, has_failed ? Instance::failed : one.state == "ready" ? Instance::pending : Instance::nowhere);
  for (const EndRecord& end : one.ends)
    for (const OutputFile& output : end.outputs) claims[output.path] = id;
}

}  // namespace skyfold::workflow
