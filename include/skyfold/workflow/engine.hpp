#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "skyfold/workflow/state.hpp"

namespace skyfold::workflow {

/// How many jobs of which kind there are.
struct Counts {
  std::int64_t ready = 0, running = 0, completed = 0, skipped = 0, current = 0, failed = 0, quarantined = 0;
  std::int64_t blocked = 0;  ///< groups that wait for events which cannot come, since jobs before have failed
};

/// What could never work in what the nodes of a file wait for: triggers of one node that cannot be joined, groups that wait for one
/// another. An engine throws the first as a UsageError.
void check_flow(const PipelineFile& file, std::vector<Fault>& faults);

/// What is to be done next in a pipeline: a state machine without clock, files or processes. Every change is a record: the engine makes
/// records of what happens (and of what follows from it: events start jobs, groups are complete), applies them to its state and hands them
/// to `record`, which writes the journal. Replaying a journal gives the same engine.
///
/// When a group is complete: nothing that could still emit an event of its class, with its value of the group's key, is left. That can be:
/// an unfinished job, or a group that waits, of a task that stands before the waiting one in the file, or that says so (`emits`); one
/// whose keys have the group's key with another value cannot.
class Engine {
 public:
  Engine(const PipelineFile& file, std::function<void(const Record&)> record);
  ~Engine();

  /// A record of an earlier session; before all else.
  void replay(const Record& record);
  /// After the replay, once: jobs that an earlier session left running count as lost, root events that are new get in (a root is known by
  /// its keys), nodes that the file has now and had not get their jobs.
  /// @param until, from, only  names of nodes, "" for none: see `pipeline run --until`
  void begin(const std::vector<Keys>& targets, const std::set<std::string>& chosen_nodes);

  /// The most urgent job that can be started on an agent with `free_slots` of its `all_slots`, and that limits admit; none when there is
  /// none. A job of a node that takes all slots waits for a whole agent.
  /// @param tasks_only  steps are not asked for: they run beside the owner
  [[nodiscard]] std::optional<std::int64_t> next(int free_slots, int all_slots, bool tasks_only = false);
  void start(std::int64_t job, const std::string& agent, const std::string& host, double time_s);
  /// An attempt has ended. Ids of emitted events are given here. Outputs that another valid job has claimed make it a failure.
  /// @param end  events without id and parent; of a step that is done the runner gives one of class @STEP
  /// @returns false for an attempt that is not the one that runs, such as of an agent that was given up: nothing is recorded. What was
  /// recorded, which may be a failure, is the last of the job's `ends`.
  bool end(EndRecord end);
  /// All that an agent had has gone back.
  /// @param killer  the job of which the agent died; 0: unknown
  void lose(const std::string& agent, double time_s, std::int64_t killer = 0);
  /// `pipeline emit` from outside, `pipeline add`: a root event.
  void add_root(const std::string& event_class, const Keys& keys);
  /// The event's jobs are done again, with options changed; all that came of them is invalid. Throws UsageError for an id that is none.
  void retry_event(std::int64_t event, const std::vector<std::string>& sets);
  /// All jobs that failed or are quarantined are done again.
  void retry_failed();
  /// A job that is done is done again, for it is no longer up to date: it and all that came of it becomes invalid, and its like is there
  /// anew.
  void redo(std::int64_t job, const std::string& why);

  /// Nothing runs, and nothing can be started or come.
  [[nodiscard]] bool is_over() const;
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] const PipelineState& state() const noexcept;
  [[nodiscard]] const PipelineFile& file() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skyfold::workflow
