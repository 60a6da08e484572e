#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/registry/process.hpp"
#include "skyfold/workflow/file.hpp"
#include "skyfold/workflow/state.hpp"

namespace skyfold::workflow {

/// What a step, a task, a user or a machine has used. All attempts count, also those that failed or whose result no longer counts: they
/// were paid for.
struct Usage {
  std::string name;
  std::int64_t jobs = 0;                                           ///< that had an attempt here
  std::int64_t attempts = 0, completed = 0, failed = 0, lost = 0;  ///< attempts that ended so; lost: with their worker
  double cpu_s = 0.0, slot_s = 0.0;                                ///< of processors; of slots that were taken
  double wall_s = 0.0, longest_s = 0.0;
  std::int64_t memory_bytes = 0;  ///< largest
};

/// @param by  node (steps and tasks), step, task, user or host
/// @returns rows in order of the file, or of names; the last one is their sum, "all"
[[nodiscard]] std::vector<Usage> usage_by(const PipelineFile& file, const PipelineState& state, const std::string& by);
/// The same as a table for people.
[[nodiscard]] LogTable usage_table(const std::vector<Usage>& rows, const std::string& by);

}  // namespace skyfold::workflow
