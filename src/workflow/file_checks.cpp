// What the nodes of a pipeline file say of one another: references between steps, triggers, circles, and keys that must be known before
// anything starts.
#include "file_checks.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <optional>
#include <set>

#include "file_values.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::workflow {
namespace {

/// Names of nodes that would be taken for something else: in --set, in @start, and in the pipeline's folder.
constexpr const char* taken_names[] = {"pipeline", "start", "log", "scratch", "journal", "lock", "agents"};

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Keys that a node's jobs may have; none where nobody can tell before they run.
using KnownKeys = std::optional<std::set<std::string>>;

class NodeChecks {
 public:
  NodeChecks(const ReadFile& read, FaultsOf& faults) : read_(read), file_(read.file), faults_(faults) {}

  void all() {
    check_names();
    check_references();
    check_circles();
    check_triggers();
    read_tables();
    for (const Node& node : file_.nodes) check_keys(node);
  }
  /// Rows of tables by path, once they are read.
  [[nodiscard]] const std::map<std::string, std::vector<Keys>>& rows() const noexcept { return rows_; }

 private:
  void check_names();
  void check_name(const Node& node);
  void check_references();
  void check_circles();
  [[nodiscard]] std::vector<const Node*> steps_before(const Node& node) const;
  [[nodiscard]] std::vector<const Node*> way_back(const Node& node) const;
  void check_triggers();
  [[nodiscard]] bool may_give(const Node& node, const std::string& event_class) const;
  [[nodiscard]] bool is_given(const Node& node, const Trigger& trigger) const;
  [[nodiscard]] std::vector<std::string> known_classes(const Node& node) const;
  void tell_not_given(const Node& node, const Trigger& trigger);
  void check_waiting();
  void read_tables();
  void read_table(const std::string& table, int line);
  [[nodiscard]] const KnownKeys& known_to(const Node& node);
  [[nodiscard]] KnownKeys keys_of(const Node& node);
  [[nodiscard]] KnownKeys columns_of(const std::string& table) const;
  void check_keys(const Node& node);
  void check_text(const Node& node, const Setting& setting, const KnownKeys& known);
  void check_emitted(const Node& node);
  void check_groups(const Node& node);

  const ReadFile& read_;
  const PipelineFile& file_;
  FaultsOf& faults_;
  std::map<std::string, KnownKeys> tables_;  ///< columns by path
  std::map<std::string, std::vector<Keys>> rows_;
  std::map<const Node*, KnownKeys> known_;  ///< of those asked for so far; of one that is being looked at none
  std::set<const Node*> in_circles_;
};

void NodeChecks::check_name(const Node& node) {
  if (!is_node_name(node.name))
    faults_.add(node.line, node.name.empty() ? "a step or task without a name ([step NAME])"
                                             : fmt::format("{} is no name (letters, digits, _ and -, a letter first)", shown(node.name)));
  else if (std::find(std::begin(taken_names), std::end(taken_names), node.name) != std::end(taken_names))
    faults_.add(node.line, fmt::format("'{}' is taken for the pipeline's own use (another name)", node.name));
}

void NodeChecks::check_names() {
  for (const Node& node : file_.nodes) {
    check_name(node);
    if (const Node* first = file_.node(node.name); first != &node)
      faults_.add(node.line,
                  fmt::format("{} is a second {} (first in line {})", shown(node.name), "step or task of this name", first->line));
  }
}

void NodeChecks::check_references() {
  std::vector<std::string> steps;
  for (const Node& node : file_.nodes)
    if (node.is_step) steps.push_back(node.name);
  for (const Node& node : file_.nodes)
    for (const Setting& option : node.options)
      for (const StepReference& reference : references_in(option.value)) {
        std::error_code error;
        const Node* step = file_.node(reference.step);
        // A list of files may have such a name.
        const bool is_file = std::filesystem::exists(std::filesystem::path(file_.folder) / reference.step, error);
        if ((step == nullptr || !step->is_step) && !is_file)
          faults_.add(option.line, fmt::format("{}: @{}: no such step{}", option.key, reference.step, suggestion(reference.step, steps)));
      }
}

std::vector<const Node*> NodeChecks::steps_before(const Node& node) const {
  std::vector<const Node*> steps;
  for (const Trigger& trigger : node.on)
    if (const Node* step = trigger.event_class.starts_with('@') ? file_.node(trigger.event_class.substr(1)) : nullptr;
        step && step->is_step)
      steps.push_back(step);
  return steps;
}

/// The shortest way from a node back to itself, over the steps that it waits for; empty for none.
std::vector<const Node*> NodeChecks::way_back(const Node& node) const {
  std::map<const Node*, const Node*> from;  // the node through which one was reached
  for (std::deque<const Node*> open = {&node}; !open.empty(); open.pop_front())
    for (const Node* step : steps_before(*open.front())) {
      if (step == &node) {
        std::vector<const Node*> way = {&node};
        for (const Node* at = open.front(); at != &node; at = from.at(at)) way.push_back(at);
        way.push_back(&node);
        return way;
      }
      if (from.emplace(step, open.front()).second) open.push_back(step);
    }
  return {};
}

void NodeChecks::check_circles() {
  for (const Node& node : file_.nodes) {
    if (in_circles_.contains(&node)) continue;
    const std::vector<const Node*> way = way_back(node);
    if (way.empty()) continue;
    std::vector<std::string> names;
    for (const Node* step : way) {
      names.push_back(step->name);
      in_circles_.insert(step);
    }
    faults_.add(node.line, fmt::format("steps in a circle: {} (each waits for the one before it)", join(names, " -> ")));
  }
}

bool NodeChecks::may_give(const Node& node, const std::string& event_class) const {
  if (event_class.starts_with('@')) return node.is_step && event_class.substr(1) == node.name;
  return !node.is_step && (node.emits.empty() || contains(node.emits, event_class));
}

bool NodeChecks::is_given(const Node& node, const Trigger& trigger) const {
  if (trigger.event_class == "@start") return true;
  return std::any_of(file_.nodes.begin(), file_.nodes.end(), [&](const Node& other) {
    // Steps wait for themselves only in a circle, which is told apart; a task may start itself again, but not for the first time.
    return (&other != &node || other.is_step) && may_give(other, trigger.event_class);
  });
}

std::vector<std::string> NodeChecks::known_classes(const Node& node) const {
  std::vector<std::string> names = file_.target_classes;
  names.emplace_back("@start");
  for (const Node& other : file_.nodes) {
    if (&other == &node) continue;
    if (other.is_step) names.push_back("@" + other.name);
    names.insert(names.end(), other.emits.begin(), other.emits.end());
  }
  return names;
}

void NodeChecks::tell_not_given(const Node& node, const Trigger& trigger) {
  const std::string why = trigger.event_class.starts_with('@') ? "no such step" : "nothing gives events of this class";
  const std::string hint = suggestion(trigger.event_class, known_classes(node));
  faults_.add(read_.line_of(node, "on"),
              fmt::format("on: {}: {}{}", trigger.event_class, why,
                          hint.empty() && trigger.event_class.front() != '@' ? " (targets = NAME in FILE, or emits of a task)" : hint));
}

void NodeChecks::check_triggers() {
  bool are_all_given = in_circles_.empty();
  for (const Node& node : file_.nodes)
    for (const Trigger& trigger : node.on) {
      // What options refer to has been looked at as such.
      const std::vector<Setting>& options = node.options;
      const bool is_of_option = std::any_of(options.begin(), options.end(), [&](const Setting& option) {
        const auto references = references_in(option.value);
        return std::any_of(references.begin(), references.end(), [&](const auto& r) { return "@" + r.step == trigger.event_class; });
      });
      if (is_given(node, trigger) || is_of_option) continue;
      are_all_given = false;
      tell_not_given(node, trigger);
    }
  if (are_all_given) check_waiting();
}

/// Nodes that wait for one another, so that none of them ever starts.
void NodeChecks::check_waiting() {
  std::set<const Node*> starting;
  const auto can_start = [&](const Node& node) {
    return std::all_of(node.on.begin(), node.on.end(), [&](const Trigger& trigger) {
      return trigger.event_class == "@start" ||
             std::any_of(starting.begin(), starting.end(), [&](const Node* other) { return may_give(*other, trigger.event_class); });
    });
  };
  for (bool has_grown = true; has_grown;) {
    has_grown = false;
    for (const Node& node : file_.nodes)
      if (!starting.contains(&node) && can_start(node)) has_grown = starting.insert(&node).second;
  }
  std::vector<std::string> waiting;
  int line = 0;
  for (const Node& node : file_.nodes) {
    if (starting.contains(&node) || (!node.is_step && node.on.empty())) continue;
    waiting.push_back(node.name);
    if (line == 0) line = read_.line_of(node, "on");
  }
  if (!waiting.empty())
    faults_.add(line, fmt::format("on: nothing starts {}: they wait for events that come of themselves alone", join(waiting, ", ")));
}

void NodeChecks::read_table(const std::string& table, int line) {
  if (tables_.contains(table)) return;
  std::vector<Fault> own;
  const std::vector<Keys>& rows = rows_[table] = read_rows((std::filesystem::path(file_.folder) / table).string(), own);
  for (const Fault& fault : own) faults_.add(line, fmt::format("{}: {}", table, fault.message));
  KnownKeys& columns = tables_[table];
  if (rows.empty()) return;
  columns.emplace();
  for (const auto& [name, value] : rows.front()) columns->insert(name);
}

void NodeChecks::read_tables() {
  if (!file_.targets.empty()) read_table(file_.targets, read_.pipeline_lines.at("targets"));
  for (const Node& node : file_.nodes)
    if (!node.row_file.empty()) read_table(node.row_file, read_.line_of(node, "for_each"));
}

KnownKeys NodeChecks::columns_of(const std::string& table) const {
  if (table.empty()) return std::set<std::string>();
  const auto found = tables_.find(table);
  return found == tables_.end() ? std::nullopt : found->second;
}

const KnownKeys& NodeChecks::known_to(const Node& node) {
  // Of a circle, which leads back here, nothing is known.
  const auto [known, is_new] = known_.try_emplace(&node);
  if (is_new) known->second = keys_of(node);
  return known->second;
}

KnownKeys NodeChecks::keys_of(const Node& node) {
  if (!node.is_step && node.on.empty()) return std::nullopt;  // what starts it cannot be read
  KnownKeys known = columns_of(node.row_file);
  const auto add = [&](const KnownKeys& more) {
    if (known && more)
      known->insert(more->begin(), more->end());
    else
      known.reset();
  };
  for (const Trigger& trigger : node.on) {
    const Node* step = trigger.event_class.starts_with('@') ? file_.node(trigger.event_class.substr(1)) : nullptr;
    if (trigger.event_class == "@start")
      add(columns_of(file_.targets));
    else if (step != nullptr)
      add(known_to(*step));
    else
      return std::nullopt;  // a task may give its events any keys
    if (step != nullptr && known) known->insert("product");
  }
  return known;
}

/// " (did you mean 'x'?)", or the keys that there are.
std::string hint_for(const std::string& name, const KnownKeys& known) {
  constexpr std::size_t most_told = 12;
  if (!known || known->empty()) return " (it has no keys)";
  std::vector<std::string> names(known->begin(), known->end());
  if (std::string near = suggestion(name, names); !near.empty()) return near;
  names.resize(std::min(names.size(), most_told));
  return fmt::format(" (keys: {}{})", join(names, ", "), known->size() > most_told ? ", ..." : "");
}

void NodeChecks::check_text(const Node& node, const Setting& setting, const KnownKeys& known) {
  for (const std::string& name : names_in_braces(setting.value)) {
    if (name == "out" && !node.is_step) continue;
    const bool is_product = name.starts_with("product.") && known && known->contains("product");
    if (!known || is_product || known->contains(name)) continue;
    faults_.add(setting.line,
                fmt::format("{}: no key '{}' for {}{}; {{{{ stands for a brace", setting.key, name, node.name, hint_for(name, known)));
  }
}

/// The key by which events are gathered must be one of theirs.
void NodeChecks::check_groups(const Node& node) {
  const KnownKeys columns = columns_of(file_.targets);
  for (const Trigger& trigger : node.on)
    if (trigger.event_class == "@start" && !trigger.group.empty() && trigger.group != "*" && columns && !columns->contains(trigger.group))
      faults_.add(
          read_.line_of(node, "on"),
          fmt::format("on: all of {0}: {1} has no column '{0}'{2}", trigger.group, file_.targets.empty() ? "the root event" : file_.targets,
                      suggestion(trigger.group, std::vector<std::string>(columns->begin(), columns->end()))));
}

void NodeChecks::check_emitted(const Node& node) {
  for (const std::string& name : node.emits)
    if (contains(file_.target_classes, name))
      faults_.add(read_.line_of(node, "emits"),
                  fmt::format("emits: {}: is the class of the targets (targets = NAME in FILE gives them another)", name));
}

void NodeChecks::check_keys(const Node& node) {
  check_groups(node);
  check_emitted(node);
  const KnownKeys& known = known_to(node);
  const auto check = [&](const std::string& key, const std::string& text) {
    check_text(node, {key, text, read_.line_of(node, key)}, known);
  };
  check("if", node.condition);
  for (const std::string& word : node.words) check("command", word);
  check("folder", node.folder);
  check("outputs", node.outputs);
  for (const auto& [name, value] : node.environment) check("env." + name, value);
  for (const Setting& option : node.options) check_text(node, option, known);
}

/// Triggers that the references of a step stand for.
void add_references(const PipelineFile& file, Node& node) {
  for (const Setting& option : node.options)
    for (const StepReference& reference : references_in(option.value)) {
      const std::string event_class = "@" + reference.step;
      const Node* step = file.node(reference.step);
      const bool is_there = std::any_of(node.on.begin(), node.on.end(), [&](const Trigger& t) { return t.event_class == event_class; });
      if (step == nullptr || !step->is_step || is_there) continue;
      if (!node.row_file.empty() && node.row_file == step->row_file)
        node.on.push_back({event_class, Trigger::each, ""});  // row by row
      else
        node.on.push_back({event_class, Trigger::all, "*"});
    }
}

}  // namespace

void complete_triggers(ReadFile& read) {
  for (Node& node : read.file.nodes) {
    for (Trigger& trigger : node.on)
      if (contains(read.file.target_classes, trigger.event_class)) trigger.event_class = "@start";
    if (node.is_step) add_references(read.file, node);
  }
}

void check_nodes(ReadFile& read, FaultsOf& faults) {
  NodeChecks checks(read, faults);
  checks.all();
  for (Node& node : read.file.nodes)
    if (!node.row_file.empty()) node.rows = checks.rows().at(node.row_file);
}

}  // namespace skyfold::workflow
