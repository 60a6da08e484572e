// What a journal tells about a run, for people: passes, jobs, rates and the time left.
#include "skyfold/run/status.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "skyfold/core/error.hpp"
#include "skyfold/io/journal.hpp"
#include "skyfold/run/folder.hpp"
#include "state.hpp"
#include "task_history.hpp"

namespace skyfold {
namespace {

JobStatus job_of(const JournalRecord& record, int session) {
  JobStatus job;
  job.state = "running";
  job.rows = record.rows;
  job.partition = record.label;
  job.partition_count = record.partition_count;
  job.host = record.host;
  job.attempt = record.attempt;
  job.rank = record.rank;
  job.session = session;
  job.start_s = record.unix_time_s;
  return job;
}

/// Follows the records in order of time.
class Reader {
 public:
  explicit Reader(RunStatus& status) : status_(status) {}

  void add(const JournalRecord& record) {
    if (status_.start_s == 0.0) status_.start_s = record.unix_time_s;
    status_.last_s = record.unix_time_s;
    switch (record.event) {
      case Event::session:
        return begin_session(record);
      case Event::task:
        return begin_task(record);
      case Event::started:
        return start(record);
      case Event::done:
        return end(record, "done");
      case Event::failed:
        return end(record, "failed");
      case Event::lost:
        return end(record, "lost");
      default:
        return;
    }
  }

 private:
  void begin_session(const JournalRecord& record) {
    // A new session means that the one before has ended, however it did: what it had under way is lost.
    ++status_.sessions;
    status_.ranks = record.rank;
    for (TaskStatus& task : status_.tasks)
      for (JobStatus& job : task.jobs)
        if (job.state == "running") job.state = "lost", job.message = "the run was interrupted", job.end_s = record.unix_time_s;
  }

  void begin_task(const JournalRecord& record) {
    const auto number = static_cast<std::size_t>(record.task);
    // A pass may be begun again by each attempt: the last one tells its size.
    if (number >= status_.tasks.size()) status_.tasks.resize(number + 1);
    TaskStatus& task = status_.tasks[number];
    task.name = record.label;
    task.unit = record.message;
    task.rows = record.rows.size();
    task.partitions = record.partition_count;
    task_start_s_[record.task] = record.unix_time_s;
    session_of_task_[record.task] = status_.sessions;
  }

  void start(const JournalRecord& record) {
    if (static_cast<std::size_t>(record.task) >= status_.tasks.size()) return;
    TaskStatus& task = status_.tasks[static_cast<std::size_t>(record.task)];
    // By rows: a job that failed comes again cut, with the same numbers of partitions but other rows.
    running_[{record.task, record.rows.begin, record.rows.end}] = task.jobs.size();
    task.jobs.push_back(job_of(record, status_.sessions));
  }

  void end(const JournalRecord& record, const char* state) {
    if (static_cast<std::size_t>(record.task) >= status_.tasks.size()) return;
    TaskStatus& task = status_.tasks[static_cast<std::size_t>(record.task)];
    const auto running = running_.find({record.task, record.rows.begin, record.rows.end});
    // The start of a job may be lost with the end of a torn journal.
    if (running == running_.end()) return;
    JobStatus& job = task.jobs[running->second];
    job.state = state;
    // The latest attempt at these rows: earlier ones have their own entries, which have ended.
    job.message = record.message;
    job.end_s = record.unix_time_s;
  }

 public:
  void finish(const std::vector<JournalRecord>& records) {
    for (std::size_t i = 0; i < status_.tasks.size(); ++i) {
      TaskStatus& task = status_.tasks[i];
      task.done = TaskHistory(records, static_cast<int>(i)).rows_done();
      std::int64_t now_done = 0;
      double last_s = 0.0;
      for (const JobStatus& job : task.jobs) {
        if (job.state != "done") continue;
        ++task.jobs_done;
        if (job.session == session_of_task_[static_cast<int>(i)]) now_done += job.rows.size();
        last_s = std::max(last_s, job.end_s);
      }
      // Rows that were revoked may leave fewer than this attempt did.
      task.found_done = std::max<std::int64_t>(0, task.done - now_done);
      // Up to the last job that ended: a run that was stopped is not slower for the time since.
      const double seconds = last_s - task_start_s_[static_cast<int>(i)];
      // Of this attempt alone: an earlier one may have had other ranks.
      if (now_done > 0 && seconds > 0.0) task.rate = static_cast<double>(now_done) / seconds;
      if (task.rate > 0.0) task.seconds_left = static_cast<double>(task.rows - task.done) / task.rate;
    }
  }

 private:
  RunStatus& status_;
  std::map<std::tuple<int, std::int64_t, std::int64_t>, std::size_t> running_;  ///< place of the latest attempt at a range
  std::map<int, double> task_start_s_;
  std::map<int, int> session_of_task_;
};

}  // namespace

RunStatus read_status(const std::string& output) {
  const std::string folder = run_path(output);
  const auto state = read_run_state(folder + "/state.json");
  if (!state) throw IoError(fmt::format("{}: no run of this output is known (no {}/state.json)", output, folder));
  RunStatus status;
  status.output = output;
  status.command = state->command;
  status.version = state->version;
  status.exit_code = state->exit_code;
  status.holder = holder_of(output);
  // A dead run cannot write that it died: nobody holds its lock.
  status.state = state->phase != "done" && status.holder.empty() ? "interrupted" : state->phase;
  const std::vector<JournalRecord> records = read_journal(folder + "/journal");
  Reader reader(status);
  for (const JournalRecord& record : records) reader.add(record);
  reader.finish(records);
  // What a dead run had under way does not run: the next attempt does it again.
  if (status.state == "interrupted")
    for (TaskStatus& task : status.tasks)
      for (JobStatus& job : task.jobs)
        if (job.state == "running") job.state = "interrupted", job.end_s = status.last_s;
  return status;
}

}  // namespace skyfold
