#include "skyfold/farm/dispatcher.hpp"

#include <algorithm>

namespace skyfold {

Dispatcher::Dispatcher(std::vector<Job> jobs, std::span<const Partition> partitions, int workers)
    : partitions_(partitions), workers_(workers), next_id_(std::ssize(jobs)) {
  for (Job& job : jobs) pending_.push_back({job, 1});
}

void Dispatcher::request(int worker, int in_hand) {
  const auto same = std::find_if(requests_.begin(), requests_.end(), [&](const Request& r) { return r.worker == worker; });
  if (same != requests_.end()) same->in_hand = in_hand;
  else requests_.push_back({worker, in_hand});
}

bool Dispatcher::finished(const Assignment& attempt, bool succeeded) {
  --running_;
  if (succeeded) return false;
  if (attempt.attempt >= max_attempts) return true;
  retry(attempt);
  return false;
}

void Dispatcher::retry(const Assignment& failed) {
  const Job& job = failed.job;
  if (job.partition_count <= 1) {
    pending_.push_back({job, failed.attempt + 1});
    return;
  }
  for (std::int64_t i = 0; i < job.partition_count; ++i) {
    const Partition& partition = partitions_[static_cast<std::size_t>(job.first_partition + i)];
    pending_.push_back({{next_id_++, partition.id, 1, partition.rows}, failed.attempt + 1});
  }
}

std::vector<Assignment> Dispatcher::take() {
  std::vector<Assignment> assignments;
  for (auto request = requests_.begin(); request != requests_.end() && !pending_.empty();) {
    const bool is_prefetch_at_tail = request->in_hand > 0 && std::ssize(pending_) <= workers_;
    if (is_prefetch_at_tail) {
      ++request;
      continue;
    }
    assignments.push_back({request->worker, pending_.front().job, pending_.front().attempt});
    pending_.pop_front();
    ++running_;
    request = requests_.erase(request);
  }
  return assignments;
}

}  // namespace skyfold
