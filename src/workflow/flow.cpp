// Who hears of which events in a pipeline, and who could still give what a group waits for: a closure over the classes of events, found
// once for a file.
#include "flow.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>

namespace skyfold::workflow {
namespace {

std::string title(const Node& node) { return fmt::format("[{} {}]", node.is_step ? "step" : "task", node.name); }

void append_code(std::string& code, std::string_view text) { code += fmt::format("{}:{}", text.size(), text); }

/// Names of the columns of rows; of the first one, since all of a table have the same.
std::vector<std::string> names_of(const std::vector<Keys>& rows) {
  std::vector<std::string> names;
  if (!rows.empty())
    for (const auto& [name, value] : rows.front()) names.push_back(name);
  return names;
}

std::vector<Keys> rows_of(const Node& node) {
  if (node.row_file.empty()) return {Keys{}};
  std::vector<Keys> rows;
  std::set<std::string> seen;
  for (const Keys& row : node.rows)
    if (seen.insert(code_of(row)).second) rows.push_back(row);
  return rows;
}

/// Whether events of a trigger belong to rows of its node: those of a step with the same for_each.
bool is_by_row(const PipelineFile& file, const Node& node, const Trigger& trigger) {
  if (trigger.kind != Trigger::each || node.row_file.empty() || !trigger.event_class.starts_with('@')) return false;
  const auto step = std::ranges::find(file.nodes, trigger.event_class.substr(1), &Node::name);
  return step != file.nodes.end() && step->is_step && step->row_file == node.row_file;
}

}  // namespace

const std::string* find_key(const Keys& keys, std::string_view name) noexcept {
  const auto found = std::ranges::find(keys, name, &Keys::value_type::first);
  return found == keys.end() ? nullptr : &found->second;
}

void set_key(Keys& keys, const std::string& name, const std::string& value) {
  const auto found = std::ranges::find(keys, name, &Keys::value_type::first);
  if (found == keys.end())
    keys.emplace_back(name, value);
  else
    found->second = value;
}

void keep_common(Keys& common, const Keys& keys) {
  std::erase_if(common, [&](const auto& pair) {
    const std::string* const value = find_key(keys, pair.first);
    return !value || *value != pair.second;
  });
}

bool is_product_key(std::string_view name) noexcept { return name == "product" || name.starts_with("product."); }

std::string code_of(Keys keys) {
  std::ranges::sort(keys);
  std::string code;
  for (const auto& [name, value] : keys) {
    append_code(code, name);
    append_code(code, value);
  }
  return code;
}

std::optional<std::string> Gate::value(const Keys& keys) const {
  if (is_for_all()) return "";
  if (!by_row) {
    const std::string* const value = find_key(keys, trigger->group);
    return value ? std::optional(*value) : std::nullopt;
  }
  std::string code;
  for (const std::string& name : row_names) {
    const std::string* const value = find_key(keys, name);
    if (!value) return std::nullopt;
    append_code(code, *value);
  }
  return code;
}

std::string Gate::text() const {
  if (by_row) return "row by row";
  return fmt::format("all of {}{}", trigger->group, trigger->kind == Trigger::ended ? " but failed" : "");
}

/// Classes of events that count for a gate, and the nodes from which they come.
struct Flow::Reach {
  std::set<std::string> classes;
  std::vector<bool> nodes;
};

Flow::Flow(const PipelineFile& file, std::vector<Fault>& faults) {
  for (std::size_t i = 0; i < file.nodes.size(); ++i) {
    index_.emplace(file.nodes[i].name, static_cast<int>(i));
    nodes_.push_back({.node = &file.nodes[i], .rows = rows_of(file.nodes[i])});
    plan_node(file, static_cast<int>(i), faults);
  }
  for (std::size_t gate = 0; gate < gates_.size(); ++gate) find_leads(static_cast<int>(gate));
  find_circles(file, faults);
}

void Flow::plan_node(const PipelineFile& file, int index, std::vector<Fault>& faults) {
  PlannedNode& planned = nodes_[static_cast<std::size_t>(index)];
  const Node& node = *planned.node;
  for (const Trigger& trigger : node.on) {
    const bool by_row = is_by_row(file, node, trigger), each = trigger.kind == Trigger::each && !by_row;
    const bool drives = each || (!by_row && trigger.group != "*");
    if (drives && planned.is_driven) {
      faults.push_back({file.path, node.line, title(node) + ": more than one trigger of single events or groups cannot be joined"});
      continue;
    }
    const int gate = each ? -1 : static_cast<int>(gates_.size());
    listeners_[trigger.event_class].push_back({index, gate});
    planned.is_driven = planned.is_driven || drives;
    if (drives) planned.driving_gate = gate;
    if (each) continue;
    gates_.push_back({index, &trigger, by_row, by_row ? names_of(planned.rows) : std::vector<std::string>{}});
    planned.gates.push_back(gate);
  }
}

bool Flow::may_emit(int node, const std::string& event_class, int waiting_node) const {
  const Node& emitter = *nodes_[static_cast<std::size_t>(node)].node;
  if (emitter.is_step || event_class.starts_with('@')) return emitter.is_step && event_class == "@" + emitter.name;
  return emitter.emits.empty() ? node < waiting_node : std::ranges::find(emitter.emits, event_class) != emitter.emits.end();
}

Flow::Reach Flow::reach_of(int gate, bool of_failures) const {
  const Gate& waiting = gates_[static_cast<std::size_t>(gate)];
  Reach reach{{waiting.trigger->event_class}, std::vector<bool>(nodes_.size())};
  for (bool grows = true; grows;) {
    grows = false;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const auto emits = [&](const std::string& name) { return may_emit(static_cast<int>(i), name, waiting.node); };
      if (reach.nodes[i] || std::ranges::none_of(reach.classes, emits)) continue;
      grows = reach.nodes[i] = true;
      for (const Trigger& trigger : nodes_[i].node->on)
        if (!of_failures || trigger.kind != Trigger::ended) reach.classes.insert(trigger.event_class);
    }
  }
  return reach;
}

void Flow::find_leads(int gate) {
  const Reach all = reach_of(gate, false), failures = reach_of(gate, true);
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (all.nodes[i]) nodes_[i].leads.push_back({gate, failures.nodes[i]});
  for (const std::string& name : all.classes) gates_behind_[name].push_back(gate);
}

bool Flow::leads_to(int node, int gate) const {
  const std::vector<Lead>& leads = nodes_[static_cast<std::size_t>(node)].leads;
  return std::ranges::find(leads, gate, &Lead::gate) != leads.end();
}

bool Flow::waits_for(int waiting, int other) const {
  const std::vector<int>& gates = nodes_[static_cast<std::size_t>(waiting)].gates;
  return std::ranges::any_of(gates, [&](int gate) { return leads_to(other, gate); });
}

void Flow::find_circles(const PipelineFile& file, std::vector<Fault>& faults) const {
  std::vector<int> waiting;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (!nodes_[i].gates.empty()) waiting.push_back(static_cast<int>(i));
  const std::size_t count = waiting.size();
  // Who waits for whom, also by way of others (Warshall 1962).
  std::vector<std::vector<bool>> waits(count, std::vector<bool>(count));
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < count; ++j) waits[i][j] = waits_for(waiting[i], waiting[j]);
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; waits[i][k] && j < count; ++j) waits[i][j] = waits[i][j] || waits[k][j];
  for (std::size_t i = 0; i < count; ++i) {
    std::string circle;
    for (std::size_t j = 0; j < count; ++j)
      if (waits[i][j] && waits[j][i]) circle += (circle.empty() ? "" : ", ") + title(*nodes_[static_cast<std::size_t>(waiting[j])].node);
    const Node& node = *nodes_[static_cast<std::size_t>(waiting[i])].node;
    if (waits[i][i])
      faults.push_back({file.path, node.line,
                        fmt::format("{} waits for what comes of itself, by {}: `emits` says what a task may emit", title(node), circle)});
  }
}

const std::vector<Listener>& Flow::listeners(const std::string& event_class) const {
  static const std::vector<Listener> nobody;
  const auto found = listeners_.find(event_class);
  return found == listeners_.end() ? nobody : found->second;
}

int Flow::index_of(const std::string& node) const {
  const auto found = index_.find(node);
  return found == index_.end() ? -1 : found->second;
}

std::string Flow::fault_of(const EventRecord& event) const {
  for (const Listener& listener : listeners(event.event_class)) {
    if (listener.gate < 0) continue;
    const Gate& gate = gates_[static_cast<std::size_t>(listener.gate)];
    if (!gate.by_row && !gate.value(event.keys))
      return fmt::format("event {} has no key {}, by which {} makes groups", event.event_class, gate.trigger->group,
                         title(*nodes_[static_cast<std::size_t>(listener.node)].node));
  }
  return "";
}

std::string Flow::fault_of(const EventRecord& event, int node, const Keys& job_keys) const {
  const Node& emitter = *nodes_[static_cast<std::size_t>(node)].node;
  if (event.event_class.starts_with('@') && (!emitter.is_step || event.event_class != "@" + emitter.name))
    return fmt::format("event {}: classes that begin with @ are not emitted", event.event_class);
  if (!emitter.emits.empty() && !emitter.is_step && std::ranges::find(emitter.emits, event.event_class) == emitter.emits.end())
    return fmt::format("event {}: `emits` of {} does not name that class", event.event_class, title(emitter));
  const auto found = gates_behind_.find(event.event_class);
  for (const int gate : found == gates_behind_.end() ? std::vector<int>{} : found->second) {
    const Gate& waiting = gates_[static_cast<std::size_t>(gate)];
    const auto where = [&] {
      return fmt::format("event {}: {} waits for {}", event.event_class, title(*nodes_[static_cast<std::size_t>(waiting.node)].node),
                         waiting.text());
    };
    if (!leads_to(node, gate))
      return fmt::format("{} and stands before {} in the file: add emits = {} to the latter", where(), title(emitter), event.event_class);
    const auto own = waiting.value(job_keys), given = waiting.value(event.keys);
    if (own && given && *own != *given) return where() + ", and the job has another value of that key: give the new one another name";
  }
  return fault_of(event);
}

}  // namespace skyfold::workflow
