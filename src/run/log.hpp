#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "skyfold/core/log.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/io/journal.hpp"
#include "skyfold/run/report.hpp"
#include "trace.hpp"

namespace skyfold {

/// Keeps the journal, the trace and the statistics, and shows progress, while a farm runs on rank 0.
class RunLog final : public FarmObserver {
 public:
  struct Place {
    int task = 0;
    std::int64_t rows = 0, rows_done = 0;  ///< of the task
    std::string title, unit;
    std::int64_t block_rows = 0;
    std::span<const Partition> partitions;
    std::span<const std::string> hosts;  ///< by rank
  };
  RunLog(Place place, Journal& journal, Trace& trace, RunStatistics& statistics);

  void started(const Job& job, int rank) override;
  void finished(const JobOutcome& outcome) override;

 private:
  [[nodiscard]] JournalRecord record_of(const Job& job, int rank) const;

  Place place_;
  Journal& journal_;
  Trace& trace_;
  RunStatistics& statistics_;
  Progress progress_;
  std::vector<double> last_end_s_;  ///< by rank
};

}  // namespace skyfold
