#pragma once

#include <span>
#include <vector>

#include "skyfold/farm/farm.hpp"

namespace skyfold {

/// What a block of rows takes on its rank [s]: reading and writing by its main thread, computing in seconds of one thread.
struct BlockCost {
  double read_s = 0.0, compute_s = 0.0, write_s = 0.0;
};

/// Costs of rows, by place: what a run's journal tells, or what is assumed.
class CostProfile {
 public:
  /// Consecutive rows that cost the same each [s per row].
  struct Stretch {
    RowRange rows;
    BlockCost per_row;
  };
  /// @param stretches  in row order, without overlap; rows in none of them cost what the mean row costs
  explicit CostProfile(std::vector<Stretch> stretches);

  [[nodiscard]] BlockCost of(RowRange rows) const;
  /// Of a row on average.
  [[nodiscard]] const BlockCost& mean() const noexcept { return mean_; }

 private:
  std::vector<Stretch> stretches_;
  BlockCost mean_;
};

/// The ranks of a rehearsal, and what things take on them.
struct RehearsalMachine {
  int ranks = 1;
  int ranks_per_node = 1, cores_per_node = 1;
  int threads = 1;          ///< OpenMP threads of each rank
  double message_s = 0.0;   ///< time of rank 0 for a job: request, handing out, report; counted before it is handed out
  double job_s = 0.0;       ///< time of a rank to begin a job, before it reads
  double sync_s = 0.0;      ///< time to make written rows durable
  double contention = 0.0;  ///< by what part of itself each other rank that computes makes a block's computing longer
  bool prefetches = true;   ///< false: a rank asks for a job when it has none, as under a batch scheduler
};

/// How a run would go.
struct Rehearsal {
  double farm_s = 0.0;       ///< from the first request to the last report
  PhaseSeconds rank_s{};     ///< seconds of all ranks by phase, of wait, dispatch, read, compute, write, sync; their sum is ranks x farm_s
  double thread_s = 0.0;     ///< seconds of one thread that all computing takes without contention
  double serving_s = 0.0;    ///< of rank 0, for messages
  double idle_tail_s = 0.0;  ///< from the first rank's last result to the last one's
  std::int64_t jobs = 0;
};

/// Plays a run through in virtual time: the dispatcher of real runs, and ranks that read ahead, compute and write as the
/// pipeline of real ranks does, block by block. Cores of a node are shared evenly by what wants to run on them; rank 0
/// serves one message at a time.
///
/// @param jobs  in the order in which they are handed out
/// @param o     who computes, and rows of a block
[[nodiscard]] Rehearsal rehearse_farm(std::vector<Job> jobs, std::span<const Partition> partitions, const FarmOptions& o,
                                      const RehearsalMachine& machine, const CostProfile& costs);

}  // namespace skyfold
