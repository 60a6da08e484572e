#include "skyfold/farm/dispatcher.hpp"

#include <algorithm>

namespace skyfold {

Dispatcher::Dispatcher(std::vector<Job> jobs, std::span<const Partition> partitions, int workers)
    : pending_(jobs.begin(), jobs.end()), partitions_(partitions), workers_(workers) {
  for (Job& job : pending_) job.id = next_id_++;
}

std::int64_t& Dispatcher::last_request(int worker) {
  const auto place = static_cast<std::size_t>(worker);
  if (place >= last_request_.size()) last_request_.resize(place + 1);
  return last_request_[place];
}

void Dispatcher::request(int worker, int in_hand) {
  last_request(worker) = ++requests_;
  (in_hand > 0 ? prefetching_ : idle_).push_back({worker, requests_});
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
  last_request(worker) = 0;
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

void Dispatcher::serve(Requests& requests, std::size_t jobs_kept, std::vector<Assignment>& assignments) {
  for (; !requests.empty() && pending_.size() > jobs_kept; requests.pop_front()) {
    const Request request = requests.front();
    if (last_request(request.worker) != request.number) continue;  // it asked again since, or is lost
    last_request(request.worker) = 0;
    const Assignment assignment{request.worker, pending_.front()};
    pending_.pop_front();
    running_.emplace(assignment.job.id, assignment);
    assignments.push_back(assignment);
  }
}

std::vector<Assignment> Dispatcher::take() {
  std::vector<Assignment> assignments;
  serve(idle_, 0, assignments);
  serve(prefetching_, static_cast<std::size_t>(workers_), assignments);
  return assignments;
}

}  // namespace skyfold
