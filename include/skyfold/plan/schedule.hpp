#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace skyfold {

/// When a task runs, and where.
struct ScheduledTask {
  std::size_t task = 0;    ///< place in the list of costs
  std::size_t worker = 0;  ///< place in the list of speeds
  double begin_s = 0.0, end_s = 0.0;
};

/// A distribution of tasks that is fixed before any of them begins.
struct Schedule {
  std::vector<ScheduledTask> tasks;  ///< in the order in which they are given out: longest first
  double end_s = 0.0;                ///< when the last one ends
  double bound_s = 0.0;              ///< no schedule ends before
};

/// Gives out tasks, the longest first, each to the worker that ends it first (Graham 1969, SIAM J. Appl. Math. 17, 416). With workers of
/// one speed the end is at most 4/3 of `bound_s`: the largest of
/// - the mean over the workers,
/// - k + 1 times the task number k m + 1 by length, of m workers (one of them has k + 1 tasks that are as long),
/// - the end of this schedule itself, if three of its shortest tasks take as long: then no worker can have three, and pairs of the longest
///   with the shortest are the best there are.
///
/// Equal tasks keep their order, equal workers, too: the schedule depends on the arguments alone.
/// @param costs   seconds on a worker of speed 1, >= 0
/// @param speeds  > 0, at least one
[[nodiscard]] Schedule longest_first(std::span<const double> costs, std::span<const double> speeds);

}  // namespace skyfold
