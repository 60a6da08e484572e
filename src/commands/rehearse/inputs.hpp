#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/farm/rehearsal.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

class OptionSet;

/// Section `survey` of `rehearse`: a survey that does not exist yet.
struct SurveyOptions {
  long rows = 0, partitions = 1000;
  double scatter = 0.0;
  long seed = 1;
};

/// Section `cost` of `rehearse`. Those that were not given come from the earlier run.
struct CostOptions {
  double compute_us = 0.0, read_us = 0.0, write_us = 0.0, scatter = 0.0;
  double message_us = 35.0, job_s = 0.0, sync_s = 0.0, start_s = 0.0, finish_s = 0.0, contention = 0.0, memory_mb = 0.0;
};

void describe(OptionSet& option, SurveyOptions& o);
void describe(OptionSet& option, CostOptions& o);

/// A pass over rows of a run that has ended, as its journal tells.
struct EarlierRun {
  std::string pass;  ///< its name
  int ranks = 1, ranks_per_node = 1, processors = 1, threads = 1;
  double start_s = 0.0, finish_s = 0.0;         ///< before the first job of the pass, after its last
  double memory_mb = 0.0;                       ///< largest resident set of a rank
  double scatter = 0.0;                         ///< of the cost of a row between jobs: standard deviation of its logarithm
  std::vector<Partition> partitions;            ///< as far as the journal tells: those of a job are taken as equal
  std::vector<CostProfile::Stretch> stretches;  ///< on processors that no other rank of the run used
  std::int64_t rows = 0;

  /// Threads that had to share a processor, 1 at least.
  [[nodiscard]] double crowding() const noexcept;
};

/// Reads OUTPUT.run, and takes the pass that computed longest. Throws IoError when there is no journal, DataError when it
/// tells of no run that came to its end.
[[nodiscard]] EarlierRun read_earlier_run(const std::string& output);

/// Partitions of about equal size that follow a log-normal law, rows in all as asked for.
[[nodiscard]] std::vector<Partition> invented_partitions(const SurveyOptions& o);

/// Costs of the rows of `partitions`: those of the earlier run where it had the same rows, or else the mean row's with a
/// scatter between partitions. Options that were given replace what the earlier run tells.
[[nodiscard]] CostProfile cost_profile(const OptionSet& options, const CostOptions& o, const std::optional<EarlierRun>& earlier,
                                       const std::vector<Partition>& partitions, std::uint64_t seed);

}  // namespace skyfold
