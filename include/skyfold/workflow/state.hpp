#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/workflow/records.hpp"

namespace skyfold::workflow {

/// A job, with what has become of it.
struct JobState {
  JobRecord record = {};
  /// ready, running, completed, skipped, current, failed (no attempt is left), quarantined (it killed its worker twice)
  std::string state = "ready";
  bool is_valid = true;  ///< false once an InvalidRecord named it: what it made does not count
  int attempts = 0;      ///< begun, without those that were lost or took their worker with them
  int lost = 0, killed = 0;
  std::vector<StartRecord> starts = {};
  std::vector<EndRecord> ends = {};
};

struct EventState {
  EventRecord record = {};
  bool is_valid = true;
  std::vector<std::int64_t> jobs = {};  ///< that it started, also with others
};

/// What the records make of a pipeline. For the engine, and for all that show it.
class PipelineState {
 public:
  /// Throws DataError for a record that cannot follow those before.
  void apply(const Record& record);

  [[nodiscard]] const std::map<std::int64_t, EventState>& events() const noexcept { return events_; }
  [[nodiscard]] const std::map<std::int64_t, JobState>& jobs() const noexcept { return jobs_; }
  [[nodiscard]] const std::vector<SessionRecord>& sessions() const noexcept { return sessions_; }
  /// How each session ended; none for one that runs, or died.
  [[nodiscard]] const std::vector<std::optional<CloseRecord>>& closes() const noexcept { return closes_; }
  /// Exit code of the last session; -1 while it runs, or when it died.
  [[nodiscard]] int exit_code() const noexcept { return exit_code_; }

 private:
  void enter_job(const JobRecord& job);

  std::map<std::int64_t, EventState> events_;
  std::map<std::int64_t, JobState> jobs_;
  std::vector<SessionRecord> sessions_;
  std::vector<std::optional<CloseRecord>> closes_;
  int exit_code_ = -1;
};

/// The state of the pipeline whose folder is `home`, from its journal. Throws IoError when there is none.
[[nodiscard]] PipelineState read_pipeline_state(const std::string& home);

}  // namespace skyfold::workflow
