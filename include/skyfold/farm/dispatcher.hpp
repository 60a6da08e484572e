#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <span>
#include <vector>

#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// One attempt at a job by a worker.
struct Assignment {
  int worker = 0;
  Job job;
  int attempt = 1;
};

/// Decides who computes what: a pure state machine without clock or messages, the same for real runs and rehearsals.
///
/// Workers pull. A request made with work in hand is a prefetch: it is parked when few jobs are left, so that the tail
/// goes to ranks that are idle. A job that fails is tried once more at the end, cut into its partitions, so that one
/// bad partition does not take its neighbours with it.
class Dispatcher {
 public:
  static constexpr int max_attempts = 2;

  /// @param jobs        in the order in which they are handed out
  /// @param partitions  of the plan, to cut a failed job
  /// @param workers     how many ranks compute
  Dispatcher(std::vector<Job> jobs, std::span<const Partition> partitions, int workers);

  /// Worker `worker` asks for a job while it holds `in_hand` unfinished ones; replaces its request before.
  void request(int worker, int in_hand);
  /// An attempt ended. Returns true when it failed for the last time.
  bool finished(const Assignment& attempt, bool succeeded);
  /// What to hand out now, for the requests known; each is served once.
  [[nodiscard]] std::vector<Assignment> take();
  /// Nothing left to hand out and nothing under way.
  [[nodiscard]] bool is_done() const noexcept { return pending_.empty() && running_ == 0; }

 private:
  struct Pending {
    Job job;
    int attempt;
  };
  void retry(const Assignment& failed);

  std::deque<Pending> pending_;
  std::span<const Partition> partitions_;
  std::int64_t workers_, running_ = 0, next_id_;
  struct Request {
    int worker, in_hand;
  };
  std::deque<Request> requests_;
};

}  // namespace skyfold
