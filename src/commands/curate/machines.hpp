#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skyfold {

class Ranks;

/// A machine that can curate, as it is now.
struct Machine {
  std::string host;
  int ranks = 1;  ///< that would work on it
  int processors = 1;
  double load = 0.0;            ///< mean number of running processes in the last minute
  std::int64_t free_bytes = 0;  ///< on the disk of the archive
  int processes = 0;            ///< of skyfold that run there, without this one
  /// What a rank gets of a processor: 1 where as many are free as there are ranks.
  [[nodiscard]] double speed() const noexcept;
};

/// The machine that this process runs on.
/// @param folder  on the disk whose free space counts
[[nodiscard]] Machine this_machine(const std::string& folder);
/// The machines of all ranks, in order of the first rank on each; collective. Without ranks: this one, with as many ranks as it has
/// processors.
[[nodiscard]] std::vector<Machine> machines_of(const Ranks* ranks, const std::string& folder);
/// Machines from a file: a line each with the name and, in any order, `ranks=N processors=N load=X free_gb=X processes=N`; `#` begins a
/// comment. Throws UsageError with the line for what cannot be read.
[[nodiscard]] std::vector<Machine> machines_from(const std::string& path);

}  // namespace skyfold
