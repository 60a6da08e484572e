#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "skyfold/kernels/photoz/training_tasks.hpp"

namespace skyfold {

class Parts;
class Progress;
class Ranks;

/// Tasks of one training on all ranks and their threads. What is left of a step is dealt out to the ranks in turn; each result is on
/// the disk before the next task of that thread begins, so that a killed training goes on from it; in the end every rank reads all
/// results. When tasks fail, every rank throws the error of the lowest-numbered one that failed on any of them.
class RankTasks final : public TrainingTasks {
 public:
  struct Place {
    const Ranks* ranks = nullptr;  ///< null: this process is alone
    int threads = 1;               ///< of each rank
    std::string folder;            ///< of parts; exists
  };
  /// @param title  of the training, for people: "mdn"
  /// @param key    hash of all that the results depend on: algorithm, options, training set, version of the program
  RankTasks(Place place, std::string title, std::uint64_t key);

  [[nodiscard]] std::vector<std::string> run(const std::string& step, std::size_t n, const Compute& compute) override;
  /// Says it, now and then; throws when a signal asked for a stop.
  void tell(const std::string& step, std::size_t task, double done_fraction, double loss) override;

 private:
  struct Failed;
  [[nodiscard]] std::vector<std::size_t> left_to_do(Parts& kept, std::size_t n) const;
  [[nodiscard]] Failed do_tasks(const std::vector<std::size_t>& mine, Parts& kept, Progress& progress, const Compute& compute);
  void agree(const Failed& mine) const;

  Place place_;
  std::string title_;
  std::uint64_t key_;
  std::mutex lock_;  ///< of parts, progress and what follows
  std::size_t step_tasks_ = 0, kept_ = 0;
  double next_line_s_ = 0.0;
};

/// While it lives, a signal that asks for a stop interrupts every `parallel_for` of this process.
class InterruptOnStop {
 public:
  InterruptOnStop();
  ~InterruptOnStop();
  InterruptOnStop(const InterruptOnStop&) = delete;
  InterruptOnStop& operator=(const InterruptOnStop&) = delete;

 private:
  std::jthread watch_;
};
/// Runs a task; when a stop interrupted it, throws what `check_stop` throws.
void stoppable(const std::function<void()>& task);

}  // namespace skyfold
