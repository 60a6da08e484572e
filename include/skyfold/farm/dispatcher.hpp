#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// One attempt at a job by a worker. Every attempt has a job id of its own, so that the report of a worker that was given
/// up is recognised.
struct Assignment {
  int worker = 0;
  Job job;
  [[nodiscard]] int attempt() const noexcept { return static_cast<int>(job.attempts) + 1; }
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

  enum class Verdict { accepted, retried, given_up, unknown };
  /// An attempt ended. `unknown`: it had been taken from the worker, and does not count.
  Verdict finished(std::int64_t job_id, bool succeeded);
  /// A worker died or fell silent: forgets its requests and returns what it had; each of them is then `finished`.
  [[nodiscard]] std::vector<Assignment> lost(int worker);
  /// What to hand out now, for the requests known; each is served once.
  [[nodiscard]] std::vector<Assignment> take();
  /// Nothing left to hand out and nothing under way.
  [[nodiscard]] bool is_done() const noexcept { return pending_.empty() && running_.empty(); }

 private:
  struct Request {
    int worker, in_hand;
  };
  void retry(const Job& failed);

  std::deque<Job> pending_;
  std::map<std::int64_t, Assignment> running_;   ///< by job id
  std::span<const Partition> partitions_;
  std::int64_t workers_, next_id_ = 0;
  std::deque<Request> requests_;
};

}  // namespace skyfold
