#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/farm/clock.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

class OptionSet;

/// Totals of what was done for a job, filled in by Work.
struct JobResult {
  std::int64_t rows = 0, bytes_read = 0, bytes_written = 0;
  std::uint64_t checksum = 0;   ///< of the rows written, chained over blocks in row order
  std::uint64_t fits_sum = 0;   ///< partial sum of the rows in the FITS product, for its DATASUM
};

/// What a command does with a block of rows. A job is done in blocks of at most FarmOptions::block_rows, and two
/// blocks are in memory at a time (`slot` 0 and 1): while one is computed, the other is written and the next is read.
class Work {
 public:
  virtual ~Work() = default;
  /// Main thread: reads what `block` needs into the buffers of `slot`.
  virtual void read(const Job& job, RowRange block, int slot, JobResult& result) = 0;
  /// Compute thread: the only call that may take long. An exception fails the job, not the run.
  virtual void compute(const Job& job, RowRange block, int slot) = 0;
  /// Main thread: writes the block's rows to their places.
  virtual void write(const Job& job, RowRange block, int slot, JobResult& result) = 0;
  /// Main thread, after the job's last block: what was written is to survive this process.
  virtual void job_written(const Job& job) = 0;
  /// Rank 0's main thread: writes rows that say "could not be computed".
  virtual void mark_failed(RowRange block) = 0;
};

/// One attempt at a job that has ended.
struct JobOutcome {
  Job job;
  int attempt = 1, rank = 0;
  bool succeeded = true;
  JobResult result;
  double read_s = 0.0, compute_s = 0.0, write_s = 0.0;   ///< seconds of that rank, overlapping
  std::string message;                                   ///< why it failed
};

/// Rank 0 is told what happens, in order.
class FarmObserver {
 public:
  virtual ~FarmObserver() = default;
  virtual void started(const Job& job, int attempt, int rank) = 0;
  virtual void finished(const JobOutcome& outcome) = 0;
};

/// Section `farm` of the configuration.
struct FarmOptions {
  std::string master = "auto";      ///< auto, compute, dedicated: whether rank 0 computes too
  long block_rows = 65'536;         ///< rows in memory at a time, twice
};
void describe(OptionSet& option, FarmOptions& o);
/// Ranks that compute.
[[nodiscard]] int worker_count(const FarmOptions& o, int ranks);

struct FarmReport {
  std::int64_t rows = 0, bytes_read = 0, bytes_written = 0, jobs = 0;
  double write_s = 0.0;               ///< seconds of one rank in Work::write and job_written, hidden behind computing or not
  std::vector<JobOutcome> failures;   ///< jobs that failed for good; rank 0 only
};

/// Runs all jobs on all ranks; collective. An error of Work::read or Work::write ends the run: it is thrown on every
/// rank. `observer` is used on rank 0 only.
FarmReport run_farm(const Ranks& ranks, std::vector<Job> jobs, std::span<const Partition> partitions, Work& work,
                    FarmObserver& observer, const FarmOptions& o);

}  // namespace skyfold
