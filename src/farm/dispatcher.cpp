#include "skyfold/farm/dispatcher.hpp"

#include <algorithm>

namespace skyfold {

Dispatcher::Dispatcher(std::vector<Job> jobs, std::span<const Partition> partitions, int workers)
    : pending_(jobs.begin(), jobs.end()), partitions_(partitions), workers_(workers) {
  for (Job& job : pending_) job.id = next_id_++;
}

void Dispatcher::request(int worker, int in_hand) {
  const auto same = std::find_if(requests_.begin(), requests_.end(), [&](const Request& r) { return r.worker == worker; });
  if (same != requests_.end()) same->in_hand = in_hand;
  else requests_.push_back({worker, in_hand});
}

Dispatcher::Verdict Dispatcher::finished(std::int64_t job_id, bool succeeded) {
  const auto running = running_.find(job_id);
  if (running == running_.end()) return Verdict::unknown;
  const Assignment ended = running->second;
  running_.erase(running);
  if (succeeded) return Verdict::accepted;
  if (ended.attempt() >= max_attempts) return Verdict::given_up;
  retry(ended.job);
  return Verdict::retried;
}

std::vector<Assignment> Dispatcher::lost(int worker) {
  std::erase_if(requests_, [&](const Request& request) { return request.worker == worker; });
  std::vector<Assignment> held;
  for (const auto& [id, assignment] : running_)
    if (assignment.worker == worker) held.push_back(assignment);
  return held;
}

void Dispatcher::retry(const Job& failed) {
  const auto add = [&](std::int64_t partition, RowRange rows) {
    pending_.push_back({next_id_++, partition, 1, rows, failed.attempts + 1});
  };
  if (failed.partition_count <= 1) return add(failed.first_partition, failed.rows);
  for (std::int64_t i = failed.first_partition; i < failed.first_partition + failed.partition_count; ++i)
    add(i, common(partitions_[static_cast<std::size_t>(i)].rows, failed.rows));
}

std::vector<Assignment> Dispatcher::take() {
  std::vector<Assignment> assignments;
  for (auto request = requests_.begin(); request != requests_.end() && !pending_.empty();) {
    const bool is_prefetch_at_tail = request->in_hand > 0 && std::ssize(pending_) <= workers_;
    if (is_prefetch_at_tail) {
      ++request;
      continue;
    }
    const Assignment assignment{request->worker, pending_.front()};
    pending_.pop_front();
    running_.emplace(assignment.job.id, assignment);
    assignments.push_back(assignment);
    request = requests_.erase(request);
  }
  return assignments;
}

}  // namespace skyfold
