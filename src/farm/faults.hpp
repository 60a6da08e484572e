#pragma once

#include <string>
#include <vector>

#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// Faults injected into kernels, so that every promise about failures can be tested on the real executable.
///
/// A comma-separated list of KIND@PARTITION[:ATTEMPT]: KIND is throw, oom, hang, segv, kill, stop or sleep=SECONDS;
/// PARTITION is a number or *; without ATTEMPT every attempt is hit.
class Faults {
 public:
  Faults() = default;
  /// Throws UsageError.
  explicit Faults(const std::string& text);
  /// Does what is planned for the job's partitions.
  void inject(const Job& job) const;

 private:
  struct Fault {
    std::string kind;
    double seconds = 0.0;
    std::int64_t partition = -1, attempt = 0;  // -1: every partition; 0: every attempt
  };
  std::vector<Fault> faults_;
};

}  // namespace skyfold
