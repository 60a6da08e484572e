#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "skyfold/farm/farm.hpp"
#include "skyfold/farm/ranks.hpp"

namespace skyfold {

/// What rank 0 learns of a run's passes.
struct RunStatistics {
  std::int64_t rows = 0, skipped_rows = 0;  ///< computed now; found done
  std::int64_t jobs = 0, bytes_read = 0, bytes_written = 0;
  double write_s = 0.0;                         ///< seconds of ranks in writing and syncing
  std::map<int, double> compute_s;              ///< by rank
  double slowest_s = 0.0;                       ///< of one job
  std::string slowest;                          ///< its partition
  double first_idle_s = 0.0, last_end_s = 0.0;  ///< Unix time: first rank's last result, last rank's last result
};

struct RunSummary {
  std::string text;
  std::int64_t peak_bytes = 0;  ///< largest resident set that any rank had
};

/// The closing table of a command: rows, rates, and where the time of all ranks went, what would help most; collective,
/// text on rank 0.
///
/// @param threads  OpenMP threads of each rank, for the rate per core
/// @param unit     what a row is, e.g. "objects"
[[nodiscard]] RunSummary run_summary(const Ranks& ranks, const RunStatistics& statistics, int threads, const std::string& unit);

}  // namespace skyfold
