#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "flow.hpp"
#include "ready_queue.hpp"
#include "skyfold/workflow/engine.hpp"

namespace skyfold::workflow {

/// What could still come, and what cannot since it failed.
struct Tally {
  int pending = 0, failed = 0;
};

enum class Readiness : std::uint8_t {
  waiting,
  open,     ///< complete
  blocked,  ///< something before has failed
  barren,   ///< nothing can come, and nothing has failed: what could have given it was skipped
};

/// Events of a gate that belong together. There is one, without events, also for a value that only jobs have as yet.
struct Group {
  int gate = 0;
  std::int64_t number = 0;  ///< in order of appearance
  std::string value;
  Tally tally;                       ///< of what has the group's value
  std::vector<std::int64_t> events;  ///< valid ones, in order
  Keys common;                       ///< keys that are the same in all of them
  std::vector<int> instances;        ///< that wait for it, or have been started by it
  int fired = 0;                     ///< how many of them have a job
  Readiness readiness = Readiness::waiting;
  bool is_touched = false;
};

struct ByNumber {
  bool operator()(const Group* a, const Group* b) const noexcept { return a->number < b->number; }
};

/// A node for an event, or for a group, and for a row: what has one valid job at a time, or will have.
struct Instance {
  int node = 0, row = 0;
  std::int64_t event = 0;  ///< that drives it; 0: none
  std::int64_t job = 0;    ///< valid; 0: none as yet
  std::int64_t runs = 0;   ///< the job that runs, which may be an invalid one
  std::vector<Group*> groups;
  Keys keys;  ///< of the job to come, as far as is known
  Readiness readiness = Readiness::waiting;
  enum Counted : std::uint8_t { nowhere, pending, failed } counted = nowhere;
  bool is_dropped = false;  ///< its event or group is no more
};

/// The engine behind its interface. What is kept here beside the state follows from state and file: it is made anew by begin(). Each
/// operation changes events, jobs and tallies and touches what they concern; settle() then draws the conclusions, until there are none
/// left. So the order of changes within an operation does not count.
struct Engine::Impl {
  Impl(const PipelineFile& file, std::function<void(const Record&)> record);

  // engine.cpp: what happens.
  void emit(const Record& record);
  void start(std::int64_t job, const std::string& agent, const std::string& host, double time_s);
  bool end(EndRecord end);
  void lose(const std::string& agent, double time_s, std::int64_t killer);
  void add_root(const std::string& event_class, const Keys& keys);
  [[nodiscard]] std::string fault_of(const EndRecord& end, const JobState& job, int node) const;
  void complete_events(EndRecord& end, const JobState& job, int node);
  void judge(EndRecord& end, const JobState& job, int node);
  void after_end(std::int64_t job, int instance);
  void finish_unstarted(std::int64_t job, const std::string& how, const std::string& message);

  // engine_begin.cpp: what is there already.
  void begin(const std::vector<Keys>& targets, const std::set<std::string>& chosen);
  void forget_runners();
  void attach_all();
  void attach_old(int instance, std::int64_t job);
  [[nodiscard]] std::vector<int> family_of(const JobRecord& job, int node) const;
  [[nodiscard]] int instance_for(const JobRecord& job, int node) const;
  [[nodiscard]] bool has_all_events(const JobRecord& job, const Instance& instance) const;

  // engine_instances.cpp: instances, groups, and what follows.
  [[nodiscard]] Group& group(int gate, const std::string& value);
  void make_instances(int node, std::int64_t event, Group* driver);
  [[nodiscard]] Keys keys_of(const Instance& instance) const;
  [[nodiscard]] const Keys& current_keys(const Instance& instance) const;
  void deliver(const EventRecord& event);
  void join(Group& to, const EventRecord& event);
  void update_keys(int instance);
  void count(Instance& instance, Instance::Counted where);
  void add_to(const Lead& lead, const Keys& keys, Instance::Counted where, int change);
  void touch(Group& group);
  void settle();
  [[nodiscard]] Readiness readiness_of(const Group& group) const;
  [[nodiscard]] Readiness readiness_of(const Instance& instance) const;
  void note_if_quiet(Group& group);
  void look_at(Group& group);
  void look_at(int instance);
  void fire(int instance);
  [[nodiscard]] std::vector<std::int64_t> events_of(const Instance& instance) const;
  void attach(int instance, std::int64_t job);
  void enqueue(std::int64_t job);
  void dequeue(std::int64_t job);
  void change_count(const JobState& job, int change);

  // engine_invalid.cpp: what no longer counts.
  void retry_event(std::int64_t event, const std::vector<std::string>& sets);
  void retry_failed();
  void redo(std::int64_t job, const std::string& why);
  /// @param sets  of the new jobs, one for each
  void replace(const std::vector<std::int64_t>& jobs, const std::vector<std::string>& sets, const std::string& why);
  void invalidate(const std::vector<std::int64_t>& jobs, const std::string& why, const std::vector<JobRecord>& again = {});
  [[nodiscard]] InvalidRecord with_descendants(const std::vector<std::int64_t>& jobs) const;
  void detach(std::int64_t job);
  void forget_events(const std::vector<std::int64_t>& events);
  void drop(int instance);
  void prune(Group& group);

  [[nodiscard]] int instance_of(std::int64_t job) const;  ///< -1: none
  [[nodiscard]] const JobState& job(std::int64_t id) const { return state.jobs().at(id); }
  [[nodiscard]] bool is_chosen(int node) const;

  const PipelineFile& file;
  std::function<void(const Record&)> record;
  std::vector<Fault> faults;
  Flow flow;
  PipelineState state;
  ReadyQueue queue;
  Counts counts;
  std::set<std::string> chosen;

  std::int64_t last_event = 0, last_job = 0, last_group = 0;
  double now_s = 0.0;  ///< the last time that was told
  std::vector<Instance> instances;
  std::vector<std::unordered_map<std::string, Group>> groups;    ///< by gate and value
  std::vector<Tally> any;                                        ///< by gate: of what may belong to any group
  std::vector<std::set<Group*, ByNumber>> unsettled;             ///< by gate: groups that wait for `any` alone
  std::vector<std::unordered_map<std::int64_t, int>> driven_by;  ///< by node: first instance of an event
  std::vector<std::vector<int>> from_beginning;                  ///< by node: instances without event or group of their own
  std::vector<int> instance_of_job;                              ///< by job, also of invalid ones
  std::map<std::string, std::set<std::int64_t>> running;         ///< by agent
  std::int64_t running_count = 0;
  std::unordered_map<std::string, std::int64_t> claims;  ///< job that has made a file
  std::unordered_set<std::string> roots;                 ///< codes of root events
  std::deque<Group*> touched;
  std::deque<int> to_look_at;
  std::vector<std::int64_t> late;  ///< jobs of groups to which an event has come
};

}  // namespace skyfold::workflow
