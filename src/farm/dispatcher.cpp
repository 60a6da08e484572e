// Who computes what: a state machine without clock or messages, so that real runs, rehearsals and tests use the same one. A job
// that fails is tried once more, cut into its partitions, so that a bad object costs one partition and not a job.
#include "skyfold/farm/dispatcher.hpp"

#include <algorithm>

namespace skyfold {

Dispatcher::Dispatcher(std::vector<Job> jobs, std::span<const Partition> partitions, int workers)
    : pending_(jobs.begin(), jobs.end()), partitions_(partitions), workers_(workers) {
  for (Job& job : pending_) {
    job.id = next_id_++;
    pending_rows_ += job.rows.size();
  }
}

void Dispatcher::forget_request(int worker) {
  const auto request = request_of_.find(worker);
  if (request == request_of_.end()) return;
  requests_.erase(request->second);
  request_of_.erase(request);
}

void Dispatcher::request(int worker, std::int64_t rows_in_hand) {
  forget_request(worker);
  // A rank has one request at a time; a new one tells what it has in hand now.
  const Request request{rows_in_hand, request_count_++, worker};
  requests_.insert(request);
  request_of_.emplace(worker, request);
}

Dispatcher::Verdict Dispatcher::finished(std::int64_t job_id, bool succeeded) {
  const auto running = running_.find(job_id);
  // A rank that was given up may come back with a job that another rank has done since.
  if (running == running_.end()) return Verdict::unknown;
  const Assignment ended = running->second;
  running_.erase(running);
  if (succeeded) return Verdict::accepted;
  if (ended.attempt() >= max_attempts) return Verdict::given_up;
  // Behind all others: what fails again must not hold up what does not.
  retry(ended.job);
  return Verdict::retried;
}

std::vector<Assignment> Dispatcher::lost(int worker) {
  forget_request(worker);
  std::vector<Assignment> held;
  for (const auto& [id, assignment] : running_)
    // They stay in running_: the caller reports them one by one, as failures like others.
    if (assignment.worker == worker) held.push_back(assignment);
  return held;
}

void Dispatcher::add_pending(std::int64_t partition, RowRange rows, std::int64_t attempts) {
  pending_.push_back({next_id_++, partition, 1, rows, attempts});
  pending_rows_ += rows.size();
}

void Dispatcher::retry(const Job& failed) {
  if (failed.partition_count <= 1) return add_pending(failed.first_partition, failed.rows, failed.attempts + 1);
  // A job may have begun or ended within a partition, after an interruption: only its own rows are done again.
  for (std::int64_t i = failed.first_partition; i < failed.first_partition + failed.partition_count; ++i)
    add_pending(i, common(partitions_[static_cast<std::size_t>(i)].rows, failed.rows), failed.attempts + 1);
}

std::vector<Assignment> Dispatcher::take() {
  std::vector<Assignment> assignments;
  while (!requests_.empty() && !pending_.empty()) {
    // The rank with the fewest rows in hand comes first, those with equally many in the order of asking.
    const Request request = *requests_.begin();
    const bool is_idle = request.rows_in_hand == 0;
    // A rank that works already waits while it has more than an even share of what is left, so that all end together; the last
    // job goes to whoever becomes idle first.
    const bool has_its_share = request.rows_in_hand * workers_ > pending_rows_ || pending_.size() == 1;
    if (!is_idle && has_its_share) break;  // so it is with all that come after it
    forget_request(request.worker);
    const Assignment assignment{request.worker, pending_.front()};
    pending_.pop_front();
    pending_rows_ -= assignment.job.rows.size();
    running_.emplace(assignment.job.id, assignment);
    assignments.push_back(assignment);
  }
  return assignments;
}

}  // namespace skyfold
