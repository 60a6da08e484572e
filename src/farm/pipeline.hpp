#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compute_thread.hpp"
#include "faults.hpp"
#include "skyfold/farm/dispatcher.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {

/// How a rank's pipeline speaks to the dispatcher: by messages, or by calls on rank 0.
struct Upstream {
  std::function<void(std::int64_t rows_in_hand)> request;
  std::function<void(const JobOutcome&)> done;
};

/// One rank's share of the work: reads the next block while the compute thread works on the one before, and writes
/// what has been computed. Never blocks for longer than one read, write or sync.
class Pipeline {
 public:
  Pipeline(std::shared_ptr<Work> work, RankClock& clock, const FarmOptions& o, int task, int rank, Upstream upstream);

  /// A job to do after those in hand.
  void give(const Assignment& assignment);
  /// Reports what is complete, then forgets the rest. A kernel that does not end within seconds is left to itself.
  void drop_all();
  /// Does what can be done now; false when there was nothing. Errors of reading and writing are thrown.
  bool step();
  /// Waits until the compute thread has something, or for `patience`.
  void wait(std::chrono::microseconds patience);
  [[nodiscard]] bool is_computing() const noexcept { return computing_ >= 0; }

 private:
  struct Active {
    JobOutcome outcome;
    std::int64_t next_row = 0;  ///< first row not yet read
    int blocks_in_slots = 0;
  };
  struct Slot {
    std::shared_ptr<Active> job;  ///< null: free
    RowRange block;
  };

  bool ask_for_work();
  bool collect();
  bool check_time();
  bool load();
  void start_loaded();
  void end_computing(std::exception_ptr error);
  void write(Slot& slot, int index, std::exception_ptr error);
  void end_if_complete(const std::shared_ptr<Active>& job);
  bool report_complete(bool now);
  /// Waits for the compute thread at most `patience` while telling its kernel to end; true when it has.
  bool interrupt(std::chrono::milliseconds patience);
  void abandon();

  std::shared_ptr<Work> work_;  // shared with tasks of the compute thread, one of which may never end
  RankClock& clock_;
  std::int64_t block_rows_;
  double timeout_s_;
  Faults faults_;
  int task_, rank_;
  Upstream upstream_;
  std::deque<std::shared_ptr<Active>> jobs_;  ///< not yet ended, in order
  std::vector<JobOutcome> complete_;          ///< written, but not yet synced and reported
  std::int64_t complete_bytes_ = 0;
  double complete_since_s_ = 0.0;
  std::array<Slot, Work::slot_limit> slots_;
  std::array<int, 2> usable_ = {0, 1};  ///< slots whose buffers no hung kernel holds
  int next_slot_ = 2;
  int computing_ = -1, loaded_ = -1;  ///< slot numbers, -1 for none
  double compute_start_s_ = 0.0;
  int asked_with_ = -1;  ///< jobs in hand at the request under way, -1 for none
  std::unique_ptr<ComputeThread> thread_;
};

}  // namespace skyfold
