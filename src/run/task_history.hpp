#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "skyfold/io/journal.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// What the journal tells of one task: by row ranges, so that an attempt may have other ranks, partitions and jobs than
/// the one before.
struct TaskHistory {
  TaskHistory() = default;
  TaskHistory(const std::vector<JournalRecord>& records, int task);

  std::vector<JournalRecord> done;  ///< in order of time
  struct Attempt {
    RowRange rows;
    std::int64_t count = 0;  ///< attempts that failed, this one included
    std::string message;
  };
  std::vector<Attempt> failed;
  std::vector<RowRange> orphans;  ///< ranges that were under way when the process died, once for each time

  [[nodiscard]] std::int64_t rows_done() const;

  struct Left {
    std::vector<Partition> pieces;  ///< partitions, or the parts of them, that are left
    std::vector<Job> suspects;      ///< partitions that failed before, or were under way at several deaths: to be done last, one by one
    std::vector<std::pair<Job, std::string>> given_up;  ///< those that failed too often, and why
  };
  /// @param whole  a partition of which anything is left is left as a whole
  [[nodiscard]] Left left(const std::vector<Partition>& partitions, bool whole) const;
};

}  // namespace skyfold
