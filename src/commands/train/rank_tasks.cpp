// Tasks dealt out to ranks, and kept as parts of the run folder. A result is read back from the folder by everybody, fresh or found,
// so that a training that went on and one that ran through see the same bytes.
#include "rank_tasks.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>

#include "skyfold/core/error.hpp"
#include "skyfold/core/failure.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/parts.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/farm/ranks.hpp"

namespace skyfold {
namespace {

constexpr double seconds_between_lines = 30.0;

RowRange row_of(std::size_t task) { return {static_cast<std::int64_t>(task), static_cast<std::int64_t>(task) + 1}; }

}  // namespace

/// The lowest-numbered task of this rank that failed, if any.
struct RankTasks::Failed {
  std::size_t task = 0;
  Failure failure;
  std::exception_ptr error;

  /// As it travels; empty for none.
  [[nodiscard]] std::string text() const {
    return failure ? fmt::format("{} {} {}", task, static_cast<int>(failure.code), failure.message) : std::string();
  }
};

RankTasks::RankTasks(Place place, std::string title, std::uint64_t key) : place_(std::move(place)), title_(std::move(title)), key_(key) {}

std::vector<std::string> RankTasks::run(const std::string& step, std::size_t n, const Compute& compute) {
  if (n == 0) return {};
  Parts kept(place_.folder, "task " + hex64(hash_text(fmt::format("{} {}", step, n), key_)));
  const std::vector<std::size_t> left = left_to_do(kept, n);
  if (left.size() < n)
    log_info(fmt::format("{} {}: went on from an earlier attempt, {} of {} tasks were done", title_, step, n - left.size(), n));
  std::vector<std::size_t> mine;
  const Ranks* const ranks = place_.ranks;
  const std::size_t here = ranks ? static_cast<std::size_t>(ranks->rank()) : 0;
  for (std::size_t i = here; i < left.size(); i += ranks ? static_cast<std::size_t>(ranks->size()) : 1) mine.push_back(left[i]);
  step_tasks_ = n;
  // Rank 0 speaks, and of the others it hears at the end: it tells of its own share.
  Progress progress(fmt::format("{} {}", title_, step), std::ssize(mine), mine.size() < left.size() ? "tasks of rank 0" : "tasks");
  agree(do_tasks(mine, kept, progress, compute));
  progress.finish();
  std::vector<std::string> results;
  for (const Parts::Piece& piece : kept.pieces({0, static_cast<std::int64_t>(n)})) results.push_back(kept.read(piece));
  return results;
}

/// Rank 0 looks, so that all ranks deal out the same.
std::vector<std::size_t> RankTasks::left_to_do(Parts& kept, std::size_t n) const {
  const auto look = [&] {
    std::string is_done(n, 'n');
    for (std::size_t task = 0; task < n; ++task)
      if (kept.find(row_of(task))) is_done[task] = 'y';
    return is_done;
  };
  const std::string is_done = place_.ranks ? place_.ranks->on_first(look) : look();
  std::vector<std::size_t> left;
  for (std::size_t task = 0; task < n; ++task)
    if (is_done[task] == 'n') left.push_back(task);
  return left;
}

RankTasks::Failed RankTasks::do_tasks(const std::vector<std::size_t>& mine, Parts& kept, Progress& progress, const Compute& compute) {
  Failed failed;
  std::int64_t done = 0;
  const auto note_failure = [&](std::size_t task) {
    const std::scoped_lock guard(lock_);
    // Of a stop any task will tell, of other errors the lowest-numbered.
    if (failed.failure && failed.task < task) return;
    failed = {task, current_failure(), std::current_exception()};
  };
  try {
    for_each_task(mine.size(), place_.threads, [&](std::size_t i, int threads) {
      try {
        std::string result;
        check_stop();
        stoppable([&] { result = compute(mine[i], threads); });
        const std::scoped_lock guard(lock_);
        JobResult ignored;
        kept.keep(row_of(mine[i]), result, ignored);
        // Each at once: a training is ended by a time limit more often than by anything else, and then all tasks before count.
        kept.sync();
        progress.update(++done);
        fault_point(fmt::format("task {}", ++kept_));
      } catch (...) {
        note_failure(mine[i]);
        throw;
      }
    });
  } catch (...) {
    // No task of its own: the system refused a thread.
    if (!failed.failure) failed = {0, current_failure(), std::current_exception()};
  }
  return failed;
}

void RankTasks::agree(const Failed& mine) const {
  if (!place_.ranks) {
    if (mine.error) std::rethrow_exception(mine.error);
    return;
  }
  std::size_t lowest = 0;
  Failure failure;
  for (const std::string& text : place_.ranks->gather(mine.text())) {
    if (text.empty()) continue;
    const std::size_t first = text.find(' '), second = text.find(' ', first + 1);
    const auto task = static_cast<std::size_t>(std::stoull(text.substr(0, first)));
    if (failure && lowest < task) continue;
    lowest = task;
    failure = {static_cast<ExitCode>(std::stoi(text.substr(first + 1, second - first - 1))), text.substr(second + 1)};
  }
  if (failure) throw SharedError(failure.code, failure.message);
}

void RankTasks::tell(const std::string& step, std::size_t task, double done_fraction, double loss) {
  check_stop();
  const std::scoped_lock guard(lock_);
  const double now = now_s();
  if (next_line_s_ == 0.0) next_line_s_ = now + seconds_between_lines;  // nothing of trainings that are done at once
  if (now < next_line_s_) return;
  next_line_s_ = now + seconds_between_lines;
  log_info(fmt::format("{} {}: task {} of {} at {:.0f} %{}", title_, step, task + 1, step_tasks_, 100.0 * done_fraction,
                       std::isnan(loss) ? "" : fmt::format(", loss {:.4f}", loss)));
}

InterruptOnStop::InterruptOnStop()
    : watch_([](const std::stop_token& end) {
        constexpr std::chrono::milliseconds between_looks(50);
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock(mutex);
        while (!end.stop_requested()) {
          if (stop_signal() != 0) return interrupt_parallel_for(true);
          wake.wait_for(lock, end, between_looks, [] { return false; });
        }
      }) {}

InterruptOnStop::~InterruptOnStop() {
  watch_.request_stop();
  watch_.join();
  interrupt_parallel_for(false);
}

void stoppable(const std::function<void()>& task) {
  try {
    task();
  } catch (const Interrupted&) {
    check_stop();
    throw;
  }
}

}  // namespace skyfold
