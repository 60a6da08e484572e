// Tasks of a training on the threads of one process. They are coarse, seconds each, so a lock per task costs nothing.
#include "skyfold/kernels/photoz/training_tasks.hpp"

#include <algorithm>
#include <exception>
#include <thread>

namespace skyfold {

void for_each_task(std::size_t n, int threads, const std::function<void(std::size_t, int)>& task) {
  const std::size_t all = static_cast<std::size_t>(std::max(threads, 1)), workers = std::min(n, all);
  if (workers <= 1) {
    for (std::size_t i = 0; i < n; ++i) task(i, static_cast<int>(all));
    return;
  }
  std::mutex lock;
  std::size_t next = 0, failed = n;
  std::exception_ptr error;
  const auto work = [&](int its_threads) {
    while (true) {
      std::size_t i = n;
      {
        const std::scoped_lock guard(lock);
        // Numbers are handed out in order: all below the one that failed have begun, so which error is thrown is no chance.
        if (error || next == n) return;
        i = next++;
      }
      try {
        task(i, its_threads);
      } catch (...) {
        const std::scoped_lock guard(lock);
        if (i >= failed) continue;
        failed = i;
        error = std::current_exception();
      }
    }
  };
  {
    // Threads of their own and no OpenMP team: inside one, a task could not have a team.
    std::vector<std::jthread> team;
    for (std::size_t k = 1; k < workers; ++k) team.emplace_back(work, static_cast<int>(all / workers + (k < all % workers ? 1 : 0)));
    work(static_cast<int>(all / workers + (all % workers > 0 ? 1 : 0)));
  }
  if (error) std::rethrow_exception(error);
}

LocalTasks::LocalTasks(int threads, Listener listener) : threads_(threads), listener_(std::move(listener)) {}

std::vector<std::string> LocalTasks::run(const std::string&, std::size_t n, const Compute& compute) {
  std::vector<std::string> results(n);
  for_each_task(n, threads_, [&](std::size_t task, int threads) { results[task] = compute(task, threads); });
  return results;
}

void LocalTasks::tell(const std::string& step, std::size_t task, double done_fraction, double loss) {
  if (!listener_) return;
  const std::scoped_lock guard(listener_lock_);
  listener_(step, task, done_fraction, loss);
}

}  // namespace skyfold
