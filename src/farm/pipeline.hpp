#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "compute_thread.hpp"
#include "skyfold/farm/dispatcher.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {

/// How a rank's pipeline speaks to the dispatcher: by messages, or by calls on rank 0.
struct Upstream {
  std::function<void(int in_hand)> request;
  std::function<void(const JobOutcome&)> done;
};

/// One rank's share of the work: reads the next block while the compute thread works on the one before, and writes
/// what has been computed. Never blocks for longer than one read or write.
class Pipeline {
 public:
  Pipeline(Work& work, RankClock& clock, std::int64_t block_rows, int rank, Upstream upstream);

  /// A job to do after those in hand.
  void give(const Assignment& assignment);
  /// Forgets everything but the block that is being computed.
  void drop_all();
  /// Does what can be done now; false when there was nothing. Errors of reading and writing are thrown.
  bool step();
  /// Waits until the compute thread has something, or for `patience`.
  void wait(std::chrono::microseconds patience);
  [[nodiscard]] bool is_computing() const noexcept { return computing_ >= 0; }

 private:
  struct Active {
    JobOutcome outcome;
    std::int64_t next_row = 0;   ///< first row not yet read
    int blocks_in_slots = 0;
  };
  struct Slot {
    std::shared_ptr<Active> job;   ///< null: free
    RowRange block;
  };

  bool ask_for_work();
  bool collect();
  bool load();
  void start_loaded();
  void write(Slot& slot, int index, std::exception_ptr error);
  void end_if_complete(const std::shared_ptr<Active>& job);

  Work& work_;
  RankClock& clock_;
  std::int64_t block_rows_;
  int rank_;
  Upstream upstream_;
  std::deque<std::shared_ptr<Active>> jobs_;   ///< not yet ended, in order
  std::array<Slot, 2> slots_;
  int computing_ = -1, loaded_ = -1;           ///< slot numbers, -1 for none
  double compute_start_s_ = 0.0;
  int asked_with_ = -1;                        ///< jobs in hand at the request under way, -1 for none
  ComputeThread thread_;
};

}  // namespace skyfold
