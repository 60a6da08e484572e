// Instances of nodes and the groups they wait for: tallies of what may still come, kept up to date by each change, and what follows when
// one of them becomes 0.
#include <algorithm>

#include "engine_impl.hpp"

namespace skyfold::workflow {

Group& Engine::Impl::group(int gate, const std::string& value) {
  const auto [found, is_new] = groups[static_cast<std::size_t>(gate)].try_emplace(value);
  if (is_new) {
    found->second.gate = gate;
    found->second.number = ++last_group;
    found->second.value = value;
  }
  return found->second;
}

void Engine::Impl::make_instances(int node, std::int64_t event, Group* driver) {
  const PlannedNode& planned = flow.nodes()[static_cast<std::size_t>(node)];
  if (event != 0) driven_by[static_cast<std::size_t>(node)][event] = static_cast<int>(instances.size());
  for (std::size_t row = 0; row < planned.rows.size(); ++row) {
    const int index = static_cast<int>(instances.size());
    Instance& instance = instances.emplace_back();
    instance.node = node;
    instance.row = static_cast<int>(row);
    instance.event = event;
    for (const int gate : planned.gates) {
      const Gate& what = flow.gates()[static_cast<std::size_t>(gate)];
      Group& member = gate == planned.driving_gate ? *driver : group(gate, what.value(planned.rows[row]).value_or(""));
      instance.groups.push_back(&member);
      member.instances.push_back(index);
      touch(member);
    }
    if (!planned.is_driven) from_beginning[static_cast<std::size_t>(node)].push_back(index);
    instance.keys = keys_of(instance);
    count(instance, Instance::pending);
    to_look_at.push_back(index);
  }
}

Keys Engine::Impl::keys_of(const Instance& instance) const {
  const PlannedNode& planned = flow.nodes()[static_cast<std::size_t>(instance.node)];
  Keys keys;
  if (instance.event != 0) keys = state.events().at(instance.event).record.keys;
  const bool is_joined = instance.groups.size() > 1;
  for (std::size_t i = 0; i < instance.groups.size() && instance.event == 0; ++i) {
    if (planned.driving_gate >= 0 && planned.gates[i] != planned.driving_gate) continue;
    for (const auto& [name, value] : instance.groups[i]->common)
      if (!(is_joined && is_product_key(name)) && !find_key(keys, name)) keys.emplace_back(name, value);
  }
  for (const auto& [name, value] : planned.rows[static_cast<std::size_t>(instance.row)]) set_key(keys, name, value);
  return keys;
}

const Keys& Engine::Impl::current_keys(const Instance& instance) const {
  return instance.job != 0 ? job(instance.job).record.keys : instance.keys;
}

void Engine::Impl::deliver(const EventRecord& event) {
  for (const Listener& listener : flow.listeners(event.event_class)) {
    if (listener.gate < 0) {
      make_instances(listener.node, event.id, nullptr);
    } else if (const auto value = flow.gates()[static_cast<std::size_t>(listener.gate)].value(event.keys)) {
      join(group(listener.gate, *value), event);
    }
  }
}

void Engine::Impl::join(Group& to, const EventRecord& event) {
  const Keys before = to.common;
  if (to.events.empty())
    to.common = event.keys;
  else
    keep_common(to.common, event.keys);
  // Ids grow, so this is nearly always the end.
  to.events.insert(std::ranges::upper_bound(to.events, event.id), event.id);
  const Gate& gate = flow.gates()[static_cast<std::size_t>(to.gate)];
  const bool drives = flow.nodes()[static_cast<std::size_t>(gate.node)].driving_gate == to.gate;
  if (drives && to.events.size() == 1) make_instances(gate.node, 0, &to);
  touch(to);
  if (to.fired == 0 && before == to.common) return;
  for (const int index : to.instances) {
    const Instance& instance = instances[static_cast<std::size_t>(index)];
    if (instance.job != 0)
      late.push_back(instance.job);
    else if (!instance.is_dropped)
      update_keys(index);
  }
}

void Engine::Impl::update_keys(int index) {
  Instance& instance = instances[static_cast<std::size_t>(index)];
  Keys keys = keys_of(instance);
  if (keys == instance.keys) return;
  const Instance::Counted where = instance.counted;
  count(instance, Instance::nowhere);
  instance.keys = std::move(keys);
  count(instance, where);
}

void Engine::Impl::count(Instance& instance, Instance::Counted where) {
  if (instance.counted == where) return;
  const Keys& keys = current_keys(instance);
  for (const Lead& lead : flow.nodes()[static_cast<std::size_t>(instance.node)].leads) {
    add_to(lead, keys, where, 1);
    add_to(lead, keys, instance.counted, -1);
  }
  instance.counted = where;
}

void Engine::Impl::add_to(const Lead& lead, const Keys& keys, Instance::Counted where, int change) {
  if (where == Instance::nowhere || (where == Instance::failed && !lead.fails)) return;
  const auto value = flow.gates()[static_cast<std::size_t>(lead.gate)].value(keys);
  Tally& tally = value ? group(lead.gate, *value).tally : any[static_cast<std::size_t>(lead.gate)];
  int& number = where == Instance::pending ? tally.pending : tally.failed;
  const bool was_zero = number == 0;
  number += change;
  if (was_zero == (number == 0)) return;
  if (value) return touch(group(lead.gate, *value));
  if (where == Instance::pending) {
    // Only those that wait for nothing else need to be looked at.
    for (Group* const waiting : unsettled[static_cast<std::size_t>(lead.gate)]) touch(*waiting);
  } else {
    for (auto& [name, member] : groups[static_cast<std::size_t>(lead.gate)]) touch(member);
  }
}

void Engine::Impl::touch(Group& group) {
  if (group.is_touched || group.instances.empty()) return;
  group.is_touched = true;
  touched.push_back(&group);
}

void Engine::Impl::settle() {
  while (true) {
    if (!late.empty()) {
      const std::vector<std::int64_t> jobs = std::exchange(late, {});
      invalidate(jobs, "an event has come that belongs to its group");
    } else if (!touched.empty()) {
      Group& next = *touched.front();
      touched.pop_front();
      next.is_touched = false;
      look_at(next);
    } else if (!to_look_at.empty()) {
      const int next = to_look_at.front();
      to_look_at.pop_front();
      look_at(next);
    } else {
      return;
    }
  }
}

Readiness Engine::Impl::readiness_of(const Group& group) const {
  const Tally& rest = any[static_cast<std::size_t>(group.gate)];
  const Gate& gate = flow.gates()[static_cast<std::size_t>(group.gate)];
  const bool may_come = group.tally.pending + rest.pending > 0, has_failed = group.tally.failed + rest.failed > 0;
  if (gate.trigger->kind != Trigger::ended && has_failed) return Readiness::blocked;
  if (may_come) return Readiness::waiting;
  if (!group.events.empty()) return Readiness::open;
  return has_failed ? Readiness::blocked : Readiness::barren;
}

Readiness Engine::Impl::readiness_of(const Instance& instance) const {
  Readiness all = Readiness::open;
  for (const Group* const member : instance.groups) {
    const Readiness one = readiness_of(*member);
    if (one == Readiness::blocked || all == Readiness::blocked)
      all = Readiness::blocked;
    else if (one == Readiness::barren || all == Readiness::barren)
      all = Readiness::barren;
    else if (one == Readiness::waiting)
      all = Readiness::waiting;
  }
  return all;
}

void Engine::Impl::note_if_quiet(Group& group) {
  auto& quiet = unsettled[static_cast<std::size_t>(group.gate)];
  if (group.tally.pending == 0 && any[static_cast<std::size_t>(group.gate)].pending > 0)
    quiet.insert(&group);
  else
    quiet.erase(&group);
}

void Engine::Impl::look_at(Group& group) {
  note_if_quiet(group);
  const Readiness now = readiness_of(group);
  if (now == group.readiness) return;
  group.readiness = now;
  for (const int index : group.instances) to_look_at.push_back(index);
}

void Engine::Impl::look_at(int index) {
  Instance& instance = instances[static_cast<std::size_t>(index)];
  if (instance.is_dropped || instance.job != 0) return;
  const Readiness now = readiness_of(instance);
  if (now == Readiness::open) return fire(index);
  for (Group* const member : instance.groups) note_if_quiet(*member);
  if (now != instance.readiness) {
    counts.blocked += now == Readiness::blocked;
    counts.blocked -= instance.readiness == Readiness::blocked;
    instance.readiness = now;
  }
  count(instance, now == Readiness::waiting ? Instance::pending : now == Readiness::blocked ? Instance::failed : Instance::nowhere);
}

std::vector<std::int64_t> Engine::Impl::events_of(const Instance& instance) const {
  std::vector<std::int64_t> events;
  if (instance.event != 0) events.push_back(instance.event);
  for (const Group* const member : instance.groups) {
    // By their keys, so that what a job gets does not depend on which of the jobs before it was done first.
    std::vector<std::pair<const Keys*, std::int64_t>> sorted;
    for (const std::int64_t id : member->events) sorted.emplace_back(&state.events().at(id).record.keys, id);
    std::ranges::sort(sorted,
                      [](const auto& a, const auto& b) { return *a.first != *b.first ? *a.first < *b.first : a.second < b.second; });
    for (const auto& [keys, id] : sorted) events.push_back(id);
  }
  return events;
}

void Engine::Impl::fire(int index) {
  Instance& instance = instances[static_cast<std::size_t>(index)];
  count(instance, Instance::pending);
  counts.blocked -= instance.readiness == Readiness::blocked;
  instance.readiness = Readiness::open;
  const Node& node = *flow.nodes()[static_cast<std::size_t>(instance.node)].node;
  const JobRecord made{++last_job, node.name, events_of(instance), std::exchange(instance.keys, {}), ""};
  emit(made);
  attach(index, made.id);
  enqueue(made.id);
}

void Engine::Impl::attach(int index, std::int64_t id) {
  Instance& instance = instances[static_cast<std::size_t>(index)];
  if (instance.job == 0)
    for (Group* const member : instance.groups) ++member->fired;
  instance.job = id;
  if (instance_of_job.size() <= static_cast<std::size_t>(id)) instance_of_job.resize(static_cast<std::size_t>(id) + 1, -1);
  instance_of_job[static_cast<std::size_t>(id)] = index;
  change_count(job(id), 1);
}

void Engine::Impl::enqueue(std::int64_t id) {
  const int index = instance_of(id);
  const Instance& instance = instances[static_cast<std::size_t>(index)];
  // An invalid job of the same instance must have ended before: they might write the same files.
  if (instance.runs != 0 || !is_chosen(instance.node)) return;
  const Node& node = *flow.nodes()[static_cast<std::size_t>(instance.node)].node;
  if (!node.condition.empty() && job(id).starts.empty()) {
    try {
      if (!holds_for(node.condition, job(id).record.keys)) return finish_unstarted(id, "skipped", "");
    } catch (const std::exception& error) {
      return finish_unstarted(id, "failed", error.what());
    }
  }
  queue.add(instance.node, id);
}

void Engine::Impl::dequeue(std::int64_t id) { queue.remove(instances[static_cast<std::size_t>(instance_of(id))].node, id); }

void Engine::Impl::change_count(const JobState& job, int change) {
  const std::pair<const char*, std::int64_t*> kinds[] = {
      {"ready", &counts.ready},     {"running", &counts.running}, {"completed", &counts.completed},    {"skipped", &counts.skipped},
      {"current", &counts.current}, {"failed", &counts.failed},   {"quarantined", &counts.quarantined}};
  for (const auto& [name, number] : kinds)
    if (job.state == name) *number += change;
}

int Engine::Impl::instance_of(std::int64_t id) const {
  return id > 0 && static_cast<std::size_t>(id) < instance_of_job.size() ? instance_of_job[static_cast<std::size_t>(id)] : -1;
}

bool Engine::Impl::is_chosen(int node) const {
  return chosen.empty() || chosen.contains(flow.nodes()[static_cast<std::size_t>(node)].node->name);
}

}  // namespace skyfold::workflow
