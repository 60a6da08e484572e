#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <unordered_map>
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
/// Workers pull. A request made with work in hand is a prefetch: those with the least in hand go first, and one whose worker
/// has more than its share of what is left, or would get the last job, waits until that worker is idle, so that all end
/// together. A job that fails is tried once more at the end, cut into its partitions, so that one bad partition does not take
/// its neighbours with it. Every call takes constant or logarithmic time in workers and jobs, so that rank 0 serves 100,000 ranks.
class Dispatcher {
 public:
  static constexpr int max_attempts = 2;

  /// @param jobs        in the order in which they are handed out
  /// @param partitions  of the plan, to cut a failed job
  /// @param workers     how many ranks compute
  Dispatcher(std::vector<Job> jobs, std::span<const Partition> partitions, int workers);

  /// Worker `worker` asks for a job while it has `rows_in_hand` to compute; replaces its request before.
  void request(int worker, std::int64_t rows_in_hand);

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
  /// In the order in which they are served: the least in hand first, then the first to ask.
  struct Request {
    std::int64_t rows_in_hand, number;
    int worker;
    auto operator<=>(const Request&) const = default;
  };
  void forget_request(int worker);
  void add_pending(std::int64_t partition, RowRange rows, std::int64_t attempts);
  void retry(const Job& failed);

  std::deque<Job> pending_;
  std::map<std::int64_t, Assignment> running_;  ///< by job id
  std::span<const Partition> partitions_;
  std::int64_t workers_, next_id_ = 0;
  std::set<Request> requests_;
  std::unordered_map<int, Request> request_of_;  ///< by worker
  std::int64_t pending_rows_ = 0, request_count_ = 0;
};

/// Whether a rank asks rank 0 for a job now: it keeps one in reserve, so it asks as soon as the last one has begun to be
/// read, and again once it is idle.
///
/// @param unread      jobs in hand of which nothing has been read
/// @param in_hand     jobs in hand
/// @param asked_with  jobs in hand at the request under way, -1 for none
[[nodiscard]] constexpr bool asks_for_job(int unread, int in_hand, int asked_with) noexcept {
  return unread == 0 && (asked_with < 0 || (asked_with > 0 && in_hand == 0));
}

}  // namespace skyfold
