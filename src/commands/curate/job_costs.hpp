#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ledger.hpp"

namespace skyfold {

/// What a task has in it.
struct TaskSize {
  std::int64_t files = 0, bytes = 0, rows = 0;
};
[[nodiscard]] TaskSize size_of(const CurateTask& task);

/// Notes how long an extraction took, in ARCHIVE/costs: a file for each process, so that none waits for another.
void note_cost(const std::string& archive, UseCase use_case, const TaskSize& size, double seconds);

/// What a task will cost by those that were done before: the median of seconds per byte of images (CU2), per file (CU3), per detection
/// (CU4). Where there are none, by what was measured when this was written.
class JobCosts {
 public:
  explicit JobCosts(const std::string& archive);
  /// Seconds on one processor.
  [[nodiscard]] double predict(UseCase use_case, const TaskSize& size) const noexcept;
  /// "cu4: 0.52 us a detection (median of 12 earlier jobs)"
  [[nodiscard]] std::string tell(UseCase use_case) const;

 private:
  struct Unit {
    double seconds = 0.0;
    std::size_t jobs = 0;
  };
  std::array<Unit, 3> units_;
};

}  // namespace skyfold
