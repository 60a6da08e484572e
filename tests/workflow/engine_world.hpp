#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "skyfold/core/hash.hpp"
#include "skyfold/workflow/engine.hpp"

/// A pipeline without programs and files: what a job does is a function of its node and of what started it.
namespace skyfold::workflow::testing_world {

/// An event apart from its number.
inline std::string told(const std::string& event_class, Keys keys) {
  std::sort(keys.begin(), keys.end());
  std::string text = event_class;
  for (const auto& [name, value] : keys) text += " " + name + "=" + value;
  return text;
}

/// What a job does.
struct Deed {
  bool fails = false, kills = false;
  int fails_first = 0;  ///< attempts that fail before one does not
  std::vector<EventRecord> events = {};
};

/// @param started_by  the events, told
using Program = std::function<Deed(const Node& node, const Keys& keys, const std::vector<std::string>& started_by, const std::string& set)>;

/// What came out in the end, apart from numbers and order.
struct Ending {
  std::multiset<std::string> jobs, events;
  std::int64_t blocked = 0;
  bool operator==(const Ending&) const = default;
};

inline std::string told(const Node& node, const Keys& keys, std::vector<std::string> started_by, const std::string& state) {
  std::sort(started_by.begin(), started_by.end());
  std::string text = state + ": " + told(node.name, keys) + " of";
  for (const std::string& event : started_by) text += " [" + event + "]";
  return text;
}

/// An engine with its journal, and agents that do what the programs say.
class World {
 public:
  World(PipelineFile pipeline, std::vector<Keys> roots, Program program)
      : file(std::move(pipeline)), targets(std::move(roots)), does(std::move(program)) {
    begin();
  }

  void begin() {
    engine = std::make_unique<Engine>(file, [this](const Record& record) { journal.push_back(record); });
    for (const Record& record : journal) engine->replay(record);
    engine->begin(targets, chosen);
  }
  /// The owner dies when so many records are on the disk; another session follows.
  void die(std::size_t records_left) {
    journal.resize(std::min(records_left, journal.size()));
    begin();
  }

  [[nodiscard]] std::vector<std::string> started_by(const JobRecord& job) const {
    std::vector<std::string> all;
    for (const std::int64_t id : job.events) {
      const EventRecord& event = engine->state().events().at(id).record;
      all.push_back(told(event.event_class, event.keys));
    }
    return all;
  }

  void end(std::int64_t id) {
    const JobState& job = engine->state().jobs().at(id);
    const Deed deed = does(*find_node(job.record.node), job.record.keys, started_by(job.record), job.record.set);
    EndRecord end;
    end.job = id;
    end.attempt = static_cast<int>(job.starts.size());
    end.how = deed.fails || job.attempts <= deed.fails_first ? "failed" : "completed";
    end.events = deed.events;
    if (deed.kills)
      engine->lose(job.starts.back().agent, 0.0, id);
    else
      engine->end(end);
  }

  [[nodiscard]] std::vector<std::int64_t> running() const {
    std::vector<std::int64_t> ids;
    for (const auto& [id, job] : engine->state().jobs())
      if (job.state == "running") ids.push_back(id);
    return ids;
  }

  /// One after the other.
  void run() {
    while (!engine->is_over()) {
      if (const auto id = engine->next(1000, 1000)) engine->start(*id, "agent", "host", 0.0);
      for (const std::int64_t id : running()) end(id);
    }
  }

  /// In any order, with agents that vanish and owners that die.
  void run_wildly(std::mt19937& random, bool with_deaths) {
    const auto pick = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    int deaths = 0;
    while (!engine->is_over()) {
      const std::vector<std::int64_t> now = running();
      const std::size_t chance = pick(100);
      if (chance < 3 && with_deaths && deaths++ < 10) {
        die(journal.size() - std::min(journal.size(), pick(6)));
      } else if (chance < 6 && with_deaths) {
        engine->lose("agent" + std::to_string(pick(3)), 0.0);
      } else if (chance < 55 || now.empty()) {
        if (const auto id = engine->next(100 - static_cast<int>(now.size()), 100))
          engine->start(*id, "agent" + std::to_string(pick(3)), "host", 0.0);
      } else {
        end(now[pick(now.size())]);
      }
    }
  }

  [[nodiscard]] Ending ending() const {
    Ending all;
    for (const auto& [id, job] : engine->state().jobs())
      if (job.is_valid) all.jobs.insert(told(*find_node(job.record.node), job.record.keys, started_by(job.record), job.state));
    for (const auto& [id, event] : engine->state().events())
      if (event.is_valid) all.events.insert(told(event.record.event_class, event.record.keys));
    all.blocked = engine->counts().blocked;
    return all;
  }

  [[nodiscard]] const Node* find_node(const std::string& name) const {
    return &*std::find_if(file.nodes.begin(), file.nodes.end(), [&](const Node& node) { return node.name == name; });
  }

  PipelineFile file;
  std::vector<Keys> targets;
  Program does;
  std::set<std::string> chosen;
  std::vector<Record> journal;
  std::unique_ptr<Engine> engine;
};

}  // namespace skyfold::workflow::testing_world
