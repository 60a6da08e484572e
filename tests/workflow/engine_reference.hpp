#pragma once

#include <optional>

#include "engine_world.hpp"

/// Pipelines by brute force: node by node in the order of the file, each with all that came before it, without counters or order of time.
/// It follows the words of docs/pipeline.md, not the engine. Nodes must stand behind those whose events start them.
namespace skyfold::workflow::testing_world {

class Reference {
 public:
  Reference(const PipelineFile& file, const std::vector<Keys>& targets, Program program, std::map<std::string, std::string> options = {})
      : file_(file), does_(std::move(program)), options_(std::move(options)) {
    for (const Keys& keys : targets) events_.push_back({"@start", keys});
    for (std::size_t i = 0; i < file.nodes.size(); ++i) node(i);
    for (const Event& event : events_) ending_.events.insert(told(event.event_class, event.keys));
  }
  [[nodiscard]] const Ending& ending() const { return ending_; }
  [[nodiscard]] bool has_failures() const { return !failed_.empty(); }

 private:
  struct Event {
    std::string event_class;
    Keys keys;
  };
  struct Failed {
    std::size_t node;
    Keys keys;
  };
  enum Outlook { open, blocked, barren };

  static std::optional<std::string> value(const Keys& keys, const std::string& name) {
    for (const auto& [key, text] : keys)
      if (key == name) return text;
    return std::nullopt;
  }

  bool may_emit(std::size_t node, const std::string& what, std::size_t waiting) const {
    const Node& n = file_.nodes[node];
    if (n.is_step) return what == "@" + n.name;
    if (what[0] == '@') return false;
    return n.emits.empty() ? node < waiting : std::count(n.emits.begin(), n.emits.end(), what) > 0;
  }
  /// Whether a failure of a node can be the reason that an event of a class is missing.
  bool is_missed(std::size_t node, const std::string& what, std::size_t waiting, std::set<std::size_t> seen = {}) const {
    if (may_emit(node, what, waiting)) return true;
    if (!seen.insert(node).second) return false;
    for (std::size_t other = 0; other < file_.nodes.size(); ++other)
      for (const Trigger& trigger : file_.nodes[other].on)
        if (trigger.kind != Trigger::ended && may_emit(node, trigger.event_class, waiting) && is_missed(other, what, waiting, seen))
          return true;
    return false;
  }

  bool by_row(const Node& n, const Trigger& trigger) const {
    if (trigger.kind != Trigger::each || n.row_file.empty()) return false;
    for (const Node& other : file_.nodes)
      if (trigger.event_class == "@" + other.name) return other.row_file == n.row_file;
    return false;
  }

  /// Whether keys can be of a group: `row` is that of the instance, `group` the value of the trigger's key.
  static bool fits(const Keys& keys, const Keys* row, const std::string& name, const std::string& group) {
    if (row)
      return std::all_of(row->begin(), row->end(), [&](const auto& p) { return value(keys, p.first).value_or(p.second) == p.second; });
    return name == "*" || value(keys, name).value_or(group) == group;
  }

  std::vector<Event> members(const Trigger& trigger, const Keys* row, const std::string& group) const {
    std::vector<Event> found;
    for (const Event& event : events_)
      if (event.event_class == trigger.event_class && fits(event.keys, row, trigger.group, group)) found.push_back(event);
    return found;
  }

  Outlook outlook(std::size_t index, const Trigger& trigger, const Keys* row, const std::string& group) const {
    const bool has_events = !members(trigger, row, group).empty();
    const bool has_failed = std::any_of(failed_.begin(), failed_.end(), [&](const Failed& f) {
      return is_missed(f.node, trigger.event_class, index) && fits(f.keys, row, trigger.group, group);
    });
    if (trigger.kind != Trigger::ended && has_failed) return blocked;
    return has_events ? open : has_failed ? blocked : barren;
  }

  static Keys common(const std::vector<Event>& events, bool no_products) {
    Keys keys;
    if (events.empty()) return keys;
    for (const auto& [name, text] : events.front().keys)
      if (!(no_products && name.starts_with("product")) &&
          std::all_of(events.begin(), events.end(), [&](const Event& e) { return value(e.keys, name) == text; }))
        keys.emplace_back(name, text);
    return keys;
  }
  static void set(Keys& keys, const std::string& name, const std::string& text) {
    for (auto& [key, old] : keys)
      if (key == name) {
        old = text;
        return;
      }
    keys.emplace_back(name, text);
  }

  void node(std::size_t index) {
    const Node& n = file_.nodes[index];
    const Trigger* driver = nullptr;
    for (const Trigger& trigger : n.on)
      if (!by_row(n, trigger) && trigger.group != "*") driver = &trigger;
    if (!driver) return instance(index, nullptr, nullptr, "");
    std::set<std::string> groups;
    const std::vector<Event> before = events_;
    for (const Event& event : before) {
      if (event.event_class != driver->event_class) continue;
      if (driver->kind == Trigger::each)
        instance(index, driver, &event, "");
      else if (groups.insert(*value(event.keys, driver->group)).second)
        instance(index, driver, nullptr, *value(event.keys, driver->group));
    }
  }

  void instance(std::size_t index, const Trigger* driver, const Event* event, const std::string& group) {
    const Node& n = file_.nodes[index];
    for (const Keys& row : n.row_file.empty() ? std::vector<Keys>{Keys{}} : n.rows) {
      Outlook all = open;
      std::vector<Event> from;
      Keys keys;
      if (event) {
        from.push_back(*event);
        keys = event->keys;
      }
      for (const Trigger& trigger : n.on) {
        if (event && &trigger == driver) continue;
        const Keys* const of_row = by_row(n, trigger) ? &row : nullptr;
        const Outlook one = outlook(index, trigger, of_row, group);
        all = all == blocked || one == blocked ? blocked : std::max(all, one);
        const std::vector<Event> came = members(trigger, of_row, group);
        from.insert(from.end(), came.begin(), came.end());
        if (event || (driver && &trigger != driver)) continue;
        for (const auto& [name, text] : common(came, n.on.size() > 1))
          if (!value(keys, name)) keys.emplace_back(name, text);
      }
      for (const auto& [name, text] : row) set(keys, name, text);
      if (all == blocked) {
        ++ending_.blocked;
        failed_.push_back({index, keys});
      }
      if (all == open) job(index, keys, from);
    }
  }

  void job(std::size_t index, const Keys& keys, const std::vector<Event>& from) {
    const Node& n = file_.nodes[index];
    std::vector<std::string> started_by;
    for (const Event& event : from) started_by.push_back(told(event.event_class, event.keys));
    const auto option = options_.find(told(n.name, keys));
    const Deed deed = does_(n, keys, started_by, option == options_.end() ? "" : option->second);
    std::string state = "completed";
    if (deed.fails || deed.fails_first >= n.attempts) state = "failed";
    if (deed.kills) state = "quarantined";
    // Conditions of these tests are of the form "{name} == number".
    if (!n.condition.empty()) {
      const auto has = value(keys, n.condition.substr(1, n.condition.find('}') - 1));
      if (!has)
        state = "failed";
      else if (*has != n.condition.substr(n.condition.rfind(' ') + 1))
        state = "skipped";
    }
    std::vector<Event> emitted;
    for (const EventRecord& given : deed.events) {
      Event event{given.event_class, {}};
      for (const auto& [name, text] : keys)
        if (!name.starts_with("product")) event.keys.emplace_back(name, text);
      for (const auto& [name, text] : given.keys) set(event.keys, name, text);
      if (state == "completed" && is_wrong(event)) state = "failed";
      emitted.push_back(event);
    }
    if (state == "completed") events_.insert(events_.end(), emitted.begin(), emitted.end());
    if (state == "failed" || state == "quarantined") failed_.push_back({index, keys});
    ending_.jobs.insert(told(n, keys, started_by, state));
  }

  /// Whether an event lacks a key by which a node makes groups.
  bool is_wrong(const Event& event) const {
    for (const Node& n : file_.nodes)
      for (const Trigger& trigger : n.on)
        if (trigger.event_class == event.event_class && trigger.kind != Trigger::each && trigger.group != "*" &&
            !value(event.keys, trigger.group))
          return true;
    return false;
  }

  const PipelineFile& file_;
  Program does_;
  std::map<std::string, std::string> options_;
  std::vector<Event> events_;
  std::vector<Failed> failed_;
  Ending ending_;
};

/// Pipelines of all kinds of nodes, drawn by lot.
class Lottery {
 public:
  explicit Lottery(unsigned seed) : random_(seed) {}

  PipelineFile pipeline() {
    PipelineFile file;
    file.path = "pipeline.ini";
    file.folder = "/nowhere";
    file.name = "p";
    classes_ = {"@start"};
    const int tasks = 1 + pick(5), steps = pick(4);
    for (int i = 0; i < tasks; ++i) file.nodes.push_back(task(i));
    for (int i = 0; i < steps; ++i) file.nodes.push_back(step(i, file));
    return file;
  }
  std::vector<Keys> targets() {
    std::vector<Keys> all;
    for (int i = 0; i < 1 + pick(7); ++i)
      all.push_back({{"image", std::to_string(i)}, {"brick", std::to_string(pick(3))}, {"field", std::to_string(pick(2))}});
    return all;
  }
  int pick(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

 private:
  Trigger trigger() {
    static const char* const keys[] = {"brick", "field", "*"};
    const std::string& of = classes_[static_cast<std::size_t>(pick(static_cast<int>(classes_.size())))];
    const int kind = pick(10);
    if (kind < 5) return {of, Trigger::each, ""};
    return {of, kind < 8 ? Trigger::all : Trigger::ended, keys[pick(3)]};
  }
  void frills(Node& node) {
    node.attempts = 1 + pick(3);
    node.priority = pick(3);
    node.limit = pick(3);
    node.slots = pick(3);
    if (pick(6) == 0) node.condition = std::string(pick(2) ? "{brick}" : "{field}") + " == " + std::to_string(pick(2));
    if (pick(5) > 0) return;
    node.row_name = "config";
    node.row_file = "configs.csv";
    node.rows = {{{"config", "a"}, {"depth", "1"}}, {{"config", "b"}, {"depth", "1"}}};
  }
  Node task(int i) {
    Node node;
    node.name = "t" + std::to_string(i);
    node.on = {trigger()};
    frills(node);
    const std::string own = "c" + std::to_string(i);
    if (pick(2)) node.emits = {own};
    classes_.push_back(own);
    return node;
  }
  Node step(int i, const PipelineFile& file) {
    Node node;
    node.name = "s" + std::to_string(i);
    node.is_step = true;
    if (pick(3) == 0) node.on = {trigger()};
    frills(node);
    for (const Node& other : file.nodes) {
      if (!other.is_step || pick(2)) continue;
      if (other.row_file == node.row_file && !node.row_file.empty())
        node.on.push_back({"@" + other.name, Trigger::each, ""});
      else
        node.on.push_back({"@" + other.name, Trigger::all, "*"});
    }
    return node;
  }

  std::mt19937 random_;
  std::vector<std::string> classes_;
};

/// What jobs do, by lot, but always the same for the same job.
inline Program deeds_of(unsigned seed, bool all_succeed = false) {
  return [seed, all_succeed](const Node& node, const Keys& keys, std::vector<std::string> started_by, const std::string& set) {
    std::sort(started_by.begin(), started_by.end());
    std::string text = std::to_string(seed) + told(node.name, keys) + set;
    for (const std::string& event : started_by) text += event + ";";
    std::uint64_t lot = hash_text(text);
    const auto pick = [&lot](std::uint64_t n) {
      const std::uint64_t value = lot % n;
      lot /= n;
      return value;
    };
    Deed deed;
    deed.fails = pick(12) == 0 && !all_succeed;
    deed.kills = pick(30) == 0 && !all_succeed;
    deed.fails_first = all_succeed ? 0 : static_cast<int>(pick(3) * pick(2));
    if (node.is_step) {
      deed.events.push_back({0, 0, "@" + node.name, {{"product", "p" + std::to_string(pick(5))}}});
      return deed;
    }
    const std::string own = "c" + node.name.substr(1);
    for (std::uint64_t i = 0, n = pick(4); i < n; ++i) {
      EventRecord event{0, 0, own, {}};
      if (pick(3) > 0) event.keys.emplace_back("part", std::to_string(i));
      const bool has_brick = std::any_of(keys.begin(), keys.end(), [](const auto& p) { return p.first == "brick"; });
      if (!has_brick && pick(3) > 0) event.keys.emplace_back("brick", std::to_string(pick(3)));
      deed.events.push_back(event);
    }
    return deed;
  };
}

}  // namespace skyfold::workflow::testing_world
