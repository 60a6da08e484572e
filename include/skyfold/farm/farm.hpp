#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
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
  std::uint64_t checksum = 0;  ///< of the rows written, chained over blocks in row order
  std::uint64_t fits_sum = 0;  ///< partial sum of the rows in the FITS product, for its DATASUM
};

/// What a command does with a block of rows. A job is done in blocks of at most FarmOptions::block_rows. Two blocks are
/// in memory at a time, in slots 0 and 1: while one is computed, the other is written and the next is read. A slot whose
/// kernel hangs is left to it, and a new one, up to `slot_limit`, takes its place.
class Work {
 public:
  static constexpr int slot_limit = 16;

  virtual ~Work() = default;
  /// Main thread: reads what `block` needs into the buffers of `slot`.
  virtual void read(const Job& job, RowRange block, int slot, JobResult& result) = 0;
  /// Compute thread: the only call that may take long. An exception fails the job, not the run.
  virtual void compute(const Job& job, RowRange block, int slot) = 0;
  /// Main thread: writes the block's rows to their places.
  virtual void write(const Job& job, RowRange block, int slot, JobResult& result) = 0;
  /// Main thread: all that was written so far survives a crash of the machine.
  virtual void sync() = 0;
  /// Rank 0's main thread: writes rows that say "could not be computed".
  virtual void mark_failed(RowRange block) = 0;
  /// Main thread: the checksum of a block as it stands in the product, chained as in JobResult; none when the work does
  /// not keep one.
  [[nodiscard]] virtual std::optional<std::uint64_t> stored_checksum(RowRange, std::uint64_t) { return std::nullopt; }
};

/// The buffers of a Work, by slot; made when a slot is first used, by the main thread.
template <class Buffers>
class Slots {
 public:
  Buffers& operator[](int slot) {
    auto& buffers = slots_[static_cast<std::size_t>(slot)];
    if (!buffers) buffers = std::make_unique<Buffers>();
    return *buffers;
  }

 private:
  std::array<std::unique_ptr<Buffers>, Work::slot_limit> slots_;
};

/// When things happened to a job on its rank: seconds since 1970 UTC, and durations in seconds.
struct JobTimes {
  double begin = 0.0, compute_begin = 0.0, compute_end = 0.0;
  double read_s = 0.0, compute_s = 0.0, write_s = 0.0;  ///< overlapping
};

enum class JobEnd : std::int32_t { done, failed, lost };  ///< lost: the rank died or fell silent

/// One attempt at a job that has ended.
struct JobOutcome {
  Job job;
  int rank = 0;
  JobEnd end = JobEnd::done;
  JobResult result;
  JobTimes times;
  std::string message;  ///< why it failed
  [[nodiscard]] bool succeeded() const noexcept { return end == JobEnd::done; }
  [[nodiscard]] int attempt() const noexcept { return static_cast<int>(job.attempts) + 1; }
};

/// Rank 0 is told what happens, in order.
class FarmObserver {
 public:
  virtual ~FarmObserver() = default;
  virtual void started(const Job& job, int rank) = 0;
  virtual void finished(const JobOutcome& outcome) = 0;
};

/// Section `farm` of the configuration.
struct FarmOptions {
  std::string master = "auto";        ///< auto, compute, dedicated: whether rank 0 computes too
  std::string order = "longest";      ///< longest, rows: in which order jobs are handed out
  long block_rows = 65'536;           ///< rows in memory at a time, twice
  double timeout_s = 3600.0;          ///< for one block; 0: none
  double heartbeat_s = 60.0;          ///< silence after which a rank is given up
  std::string max_failures = "100%";  ///< partitions: a count or a percentage
  std::string fault;                  ///< faults to inject, for tests: see docs/robustness.md
};
void describe(OptionSet& option, FarmOptions& o);
/// Throws UsageError for values that are not of the form described.
void check(const FarmOptions& o);
/// Ranks that compute.
[[nodiscard]] int worker_count(const FarmOptions& o, int ranks);

/// Jobs that are complete are made durable and reported together, once the first of them is this old [s].
inline constexpr double sync_interval_s = 0.5;

/// What is to be done; rank 0 has it, the others need `task` alone.
struct FarmPlan {
  int task = 0;           ///< number of this pass within the run, for crash notes
  std::vector<Job> jobs;  ///< in the order in which they are handed out
  std::span<const Partition> partitions;
  std::vector<JobOutcome> failures;  ///< given up before
};

struct FarmReport {
  std::int64_t rows = 0, bytes_read = 0, bytes_written = 0, jobs = 0;
  double write_s = 0.0;              ///< seconds of ranks in Work::write and sync, hidden behind computing or not
  double compute_s = 0.0;            ///< seconds of ranks in Work::compute
  std::vector<JobOutcome> failures;  ///< jobs that failed for good; rank 0 only
};

/// Runs all jobs on all ranks; collective. An error of Work::read or Work::write ends the run: it is thrown on every
/// rank; so does a signal to any of them, with ExitCode::stopped. Ranks that fell silent are left behind: `ranks` goes
/// on without them.
FarmReport run_farm(Ranks& ranks, FarmPlan plan, const std::shared_ptr<Work>& work, FarmObserver& observer, const FarmOptions& o);

/// True when a kernel hangs on a thread of this process, which can then only be ended by leaving without clean-up.
[[nodiscard]] bool has_hung_thread() noexcept;

}  // namespace skyfold
