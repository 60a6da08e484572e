#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// One attempt at a range of rows, as the journal tells.
struct JobStatus {
  std::string state;  ///< running, interrupted, done, failed, lost
  RowRange rows;
  std::string partition, host, message;
  std::int64_t partition_count = 0;
  int attempt = 1, rank = 0, session = 0;
  double start_s = 0.0, end_s = 0.0;  ///< Unix time; end 0 while it runs
};

/// One pass over rows.
struct TaskStatus {
  std::string name, unit;
  std::int64_t rows = 0, done = 0, found_done = 0;  ///< found_done: before the last session
  std::int64_t partitions = 0, jobs_done = 0;
  double rate = 0.0;            ///< rows per second of the last session
  double seconds_left = -1.0;   ///< -1: unknown
  std::vector<JobStatus> jobs;  ///< in order of their start
};

/// What a run folder tells of a run, while it goes on or after.
struct RunStatus {
  std::string output, command, version;
  std::string state;   ///< running, interrupted, publishing, done
  std::string holder;  ///< of a live run
  int exit_code = 0, sessions = 0, ranks = 0;
  double start_s = 0.0, last_s = 0.0;  ///< Unix time of the first and the last record
  std::vector<TaskStatus> tasks;
};

/// Reads `OUTPUT.run` without disturbing the run. Throws IoError when there is none.
[[nodiscard]] RunStatus read_status(const std::string& output);

}  // namespace skyfold
