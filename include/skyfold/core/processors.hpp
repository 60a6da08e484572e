#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace skyfold {

/// What limits the processors of one process. 0 is "no limit known".
struct ProcessorGrant {
  std::string host;         ///< name of the machine
  std::string mask;         ///< affinity mask as a list: "0-3,8"
  int in_mask = 1;          ///< processors in it, >= 1
  int per_rank = 0;         ///< the smaller of SLURM_CPUS_PER_TASK and OMP_NUM_THREADS: each rank may use as many
  int per_node = 0;         ///< SLURM_CPUS_ON_NODE, PBS_NUM_PPN or PBS' NCPUS: all ranks of a node together
  int quota = 0;            ///< CPU quota of the cgroup or of one above it, whole processors, >= 1 if there is one
  std::string quota_group;  ///< folder of that cgroup; its processes share the quota

  /// One line, to be sent to other ranks; `grant_from` reads it.
  [[nodiscard]] std::string text() const;
};
[[nodiscard]] ProcessorGrant grant_from(std::string_view text);

/// Looks up an environment variable: its value, or null.
using Environment = std::function<const char*(const char* name)>;

/// The grant of this process. It reads `/proc/self/cgroup` and, under `/sys/fs/cgroup`, `cpu.max` (version 2) or
/// `cpu.cfs_quota_us` and `cpu.cfs_period_us` (version 1). Never throws for what it cannot read: that sets no limit.
///
/// @param root         put before these paths, for tests
/// @param environment  the variables of a batch system; default: this process's own
[[nodiscard]] ProcessorGrant processor_grant(const std::string& root = {}, const Environment& environment = {});

/// Processors for one rank, >= 1: the smallest of
/// - `per_rank`,
/// - `per_node`, divided by the number of ranks of its host,
/// - `quota`, divided by the number of ranks of its host in the same cgroup,
/// - its affinity mask, divided by the number of ranks of its host with the same mask.
///
/// A launcher may not hand the batch system's variables to other nodes: `per_rank` and `per_node` of rank 0 hold for
/// ranks that have none.
///
/// @param grants  of all ranks, in order of rank
[[nodiscard]] int granted_processors(std::span<const ProcessorGrant> grants, std::size_t rank);

/// Processors for a process that runs alone.
[[nodiscard]] int granted_processors();

/// A warning, with the launcher's flag that helps, when ranks are bound to fewer processors than they are meant to use;
/// "" when all is well.
///
/// @param threads  asked for on the command line; 0: what the batch system grants to each rank
[[nodiscard]] std::string binding_warning(std::span<const ProcessorGrant> grants, int threads);

}  // namespace skyfold
