#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace skyfold {

/// Independent, numbered pieces of a training, done on ranks and threads, kept so that a stopped training goes on.
class TrainingTasks {
 public:
  /// What a task does: (number, threads it may use) -> its result as bytes. The result depends on the number alone, never on
  /// threads or rank. Called for several tasks at the same time.
  using Compute = std::function<std::string(std::size_t task, int threads)>;

  virtual ~TrainingTasks() = default;

  /// Does tasks 0..n-1 of a step, each once, in any order and anywhere, and gives all results, in the order of their numbers,
  /// on every rank. When tasks fail, the error of the one with the lowest number is thrown.
  ///
  /// Collective: every rank runs the same training with the same data and calls run() with the same steps in the same order.
  ///
  /// @param step  unique within the training of one model, e.g. "trees"; part of the name under which results are kept
  [[nodiscard]] virtual std::vector<std::string> run(const std::string& step, std::size_t n, const Compute& compute) = 0;

  /// Progress of one task, for people: e.g. epoch 30 of 120, loss -1.93. Callable from any thread.
  ///
  /// @param done_fraction  of the task, 0 to 1
  /// @param loss           so far; NaN where there is none
  virtual void tell(const std::string& /*step*/, std::size_t /*task*/, double /*done_fraction*/, double /*loss*/) {}
};

/// All tasks in this process: the next task to the next free thread. For tests and small trainings.
class LocalTasks final : public TrainingTasks {
 public:
  /// What is to be done with what tasks tell; called by one thread at a time.
  using Listener = std::function<void(const std::string& step, std::size_t task, double done_fraction, double loss)>;

  explicit LocalTasks(int threads, Listener listener = {});

  [[nodiscard]] std::vector<std::string> run(const std::string& step, std::size_t n, const Compute& compute) override;
  void tell(const std::string& step, std::size_t task, double done_fraction, double loss) override;

 private:
  int threads_;
  Listener listener_;
  std::mutex listener_lock_;
};

/// Calls `task(number, threads)` for 0..n-1 on `threads` threads, the next number on the next free thread; with fewer tasks than
/// threads each task may use several. Throws the error of the lowest-numbered task that failed; tasks not yet begun are then left out.
void for_each_task(std::size_t n, int threads, const std::function<void(std::size_t task, int threads)>& task);

}  // namespace skyfold
