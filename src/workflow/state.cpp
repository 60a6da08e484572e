// What the records of a pipeline make of it.
#include "skyfold/workflow/state.hpp"

#include <fmt/core.h>

#include "skyfold/core/error.hpp"

namespace skyfold::workflow {
namespace {

/// An entry that an earlier record has made.
template <class Map>
auto& known(Map& map, std::int64_t id, const char* what) {
  const auto found = map.find(id);
  if (found == map.end()) throw DataError(fmt::format("the journal speaks of {} {}, which it has not told of", what, id));
  return found->second;
}

template <class Map, class State>
void enter(Map& map, State state, const char* what) {
  const std::int64_t id = state.record.id;
  if (!map.emplace(id, std::move(state)).second) throw DataError(fmt::format("the journal tells of {} {} twice", what, id));
}

/// A job that takes its worker with it so often is not given to another one.
constexpr int killed_workers_at_most = 2;

std::string state_after(const JobState& job, const EndRecord& end) {
  if (end.how == "killer" && job.killed >= killed_workers_at_most) return "quarantined";
  if (end.how == "lost" || end.how == "killer" || end.again) return "ready";
  return end.how;
}

/// What an attempt that has ended makes of its job.
void end_attempt(JobState& job, const EndRecord& end) {
  if (end.how == "lost") ++job.lost;
  if (end.how == "killer") ++job.killed;
  // Neither says anything about the task.
  if (end.how == "lost" || end.how == "killer") --job.attempts;
  job.state = state_after(job, end);
  job.ends.push_back(end);
}

}  // namespace

void PipelineState::enter_job(const JobRecord& job) {
  enter(jobs_, JobState{.record = job}, "job");
  for (const std::int64_t id : job.events) known(events_, id, "event").jobs.push_back(job.id);
}

void PipelineState::apply(const Record& record) {
  if (const auto* session = std::get_if<SessionRecord>(&record)) {
    sessions_.push_back(*session);
    closes_.emplace_back();
    exit_code_ = -1;
  } else if (const auto* event = std::get_if<EventRecord>(&record)) {
    if (event->parent != 0) (void)known(jobs_, event->parent, "job");
    enter(events_, EventState{.record = *event}, "event");
  } else if (const auto* job = std::get_if<JobRecord>(&record)) {
    enter_job(*job);
  } else if (const auto* start = std::get_if<StartRecord>(&record)) {
    JobState& started = known(jobs_, start->job, "job");
    started.state = "running";
    ++started.attempts;
    started.starts.push_back(*start);
  } else if (const auto* end = std::get_if<EndRecord>(&record)) {
    end_attempt(known(jobs_, end->job, "job"), *end);
    for (const EventRecord& emitted : end->events) enter(events_, EventState{.record = emitted}, "event");
  } else if (const auto* invalid = std::get_if<InvalidRecord>(&record)) {
    for (const std::int64_t id : invalid->jobs) known(jobs_, id, "job").is_valid = false;
    for (const std::int64_t id : invalid->events) known(events_, id, "event").is_valid = false;
    for (const JobRecord& again : invalid->again) enter_job(again);
  } else if (const auto* close = std::get_if<CloseRecord>(&record)) {
    exit_code_ = close->exit_code;
    if (!closes_.empty()) closes_.back() = *close;
  }
}

PipelineState read_pipeline_state(const std::string& home) {
  PipelineState state;
  JournalReader(home + "/journal").read([&state](const Record& record) { state.apply(record); });
  return state;
}

}  // namespace skyfold::workflow
