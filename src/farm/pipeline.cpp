// One rank's work: while a block is computed, the one before is written and the next one is read. The main thread does messages
// and files, one compute thread owns the kernel; a kernel that hangs is left behind with its thread and its buffers.
#include "pipeline.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"

namespace skyfold {
namespace {

// A sync costs milliseconds, so that small jobs share one.
constexpr std::int64_t bytes_per_sync = 256 << 20;
constexpr std::chrono::milliseconds interrupt_patience(2000);

std::atomic<bool> hung = false;

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return "out of memory";
  } catch (const std::exception& caught) {
    return caught.what();
  } catch (...) {
    return "unknown exception";
  }
}

}  // namespace

bool has_hung_thread() noexcept { return hung.load(); }

Pipeline::Pipeline(std::shared_ptr<Work> work, RankClock& clock, const FarmOptions& o, int task, int rank, Upstream upstream)
    : work_(std::move(work)),
      clock_(clock),
      block_rows_(o.block_rows),
      timeout_s_(o.timeout_s),
      faults_(o.fault),
      task_(task),
      rank_(rank),
      upstream_(std::move(upstream)),
      thread_(std::make_unique<ComputeThread>(clock)) {}

void Pipeline::give(const Assignment& assignment) {
  // The request is answered: the rule for asking ahead begins anew with this job in hand.
  asked_with_ = -1;
  auto job = std::make_shared<Active>();
  job->outcome.job = assignment.job;
  job->outcome.rank = rank_;
  job->outcome.times.begin = unix_time_s();
  job->next_row = assignment.job.rows.begin;
  jobs_.push_back(std::move(job));
}

void Pipeline::drop_all() {
  try {
    report_complete(true);
  } catch (const Error&) {  // then they are not reported, and will be computed again
    complete_.clear();
  }
  jobs_.clear();
  if (loaded_ >= 0) slots_[static_cast<std::size_t>(std::exchange(loaded_, -1))].job = nullptr;
  if (computing_ < 0) return;
  // A kernel that is computing is asked to stop; its block is lost, and its job not reported, so it is computed again.
  if (!interrupt(interrupt_patience)) return abandon();
  slots_[static_cast<std::size_t>(std::exchange(computing_, -1))].job = nullptr;
  set_crash_note("");
}

bool Pipeline::step() {
  // Results first, then requests, then reading: the processors get their next block as early as can be.
  const bool collected = collect() || check_time();
  const bool asked = ask_for_work();
  const bool reported = report_complete(jobs_.empty());
  return load() || collected || asked || reported;
}

void Pipeline::wait(std::chrono::microseconds patience) { (void)thread_->has_ended(patience); }

bool Pipeline::ask_for_work() {
  const auto unread =
      std::count_if(jobs_.begin(), jobs_.end(), [](const auto& job) { return job->next_row == job->outcome.job.rows.begin; });
  const int in_hand = static_cast<int>(jobs_.size());
  if (!asks_for_job(static_cast<int>(unread), in_hand, asked_with_)) return false;
  asked_with_ = in_hand;
  std::int64_t rows_in_hand = 0;
  for (const auto& job : jobs_) rows_in_hand += job->outcome.job.rows.end - job->next_row;
  // Rows that are read are out of next_row, but still to be computed.
  for (const int index : {computing_, loaded_})
    if (index >= 0) rows_in_hand += slots_[static_cast<std::size_t>(index)].block.size();
  upstream_.request(rows_in_hand);
  return true;
}

bool Pipeline::collect() {
  if (computing_ < 0 || !thread_->has_ended(std::chrono::microseconds(0))) return false;
  end_computing(thread_->error());
  return true;
}

/// Ends a kernel that takes too long: if it does not listen, its thread and its buffers are given up.
bool Pipeline::check_time() {
  if (computing_ < 0 || timeout_s_ <= 0.0 || now_s() - compute_start_s_ < timeout_s_) return false;
  const auto error = std::make_exception_ptr(std::runtime_error(fmt::format("took longer than {} s", timeout_s_)));
  if (!interrupt(interrupt_patience)) {
    // The hung thread may still write to its buffers: another slot takes the place of this one for good.
    const Slot held = slots_[static_cast<std::size_t>(computing_)];
    abandon();
    slots_[static_cast<std::size_t>(usable_[0])] = held;
    computing_ = usable_[0];
  }
  end_computing(error);
  return true;
}

bool Pipeline::interrupt(std::chrono::milliseconds patience) {
  // Kernels look at it between the chunks of their loops.
  interrupt_parallel_for(true);
  const bool ended = thread_->has_ended(patience);
  interrupt_parallel_for(false);
  return ended;
}

void Pipeline::abandon() {
  hung = true;
  set_crash_note("");
  thread_->abandon();
  thread_ = std::make_unique<ComputeThread>(clock_);
  const int index = std::exchange(computing_, -1);
  slots_[static_cast<std::size_t>(index)].job = nullptr;
  // Every hung kernel keeps a slot for good, and a thread with its memory: there must be an end to it.
  if (next_slot_ == Work::slot_limit) throw IoError("too many kernels hang (--farm.timeout)");
  if (usable_[0] != index) std::swap(usable_[0], usable_[1]);
  usable_[0] = next_slot_++;
}

void Pipeline::end_computing(std::exception_ptr error) {
  const int index = std::exchange(computing_, -1);
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  slot.job->outcome.times.compute_s += now_s() - compute_start_s_;
  slot.job->outcome.times.compute_end = unix_time_s();
  set_crash_note("");
  if (error && loaded_ >= 0 && slots_[static_cast<std::size_t>(loaded_)].job == slot.job) {  // the rest of it is not wanted
    slots_[static_cast<std::size_t>(std::exchange(loaded_, -1))].job = nullptr;
    --slot.job->blocks_in_slots;
  }
  start_loaded();  // before writing: the processors come first
  write(slot, index, error);
}

void Pipeline::start_loaded() {
  if (loaded_ < 0) return;
  computing_ = std::exchange(loaded_, -1);
  const Slot& slot = slots_[static_cast<std::size_t>(computing_)];
  // A copy: the compute thread must not look at what the main thread may change or give up.
  const Job job = slot.job->outcome.job;
  if (slot.job->outcome.times.compute_begin == 0.0) slot.job->outcome.times.compute_begin = unix_time_s();
  compute_start_s_ = now_s();
  // A handler of a crash cannot format: what it would have to say is written before the kernel starts.
  set_crash_note(fmt::format("{} {} {} {} {} {} {}", task_, job.first_partition, job.partition_count, job.rows.begin, job.rows.end,
                             job.attempts, rank_));
  thread_->start([work = work_, faults = faults_, job, block = slot.block, index = computing_] {
    faults.inject(job);
    work->compute(job, block, index);
  });
}

void Pipeline::write(Slot& slot, int index, std::exception_ptr error) {
  const std::shared_ptr<Active> job = std::exchange(slot.job, nullptr);
  --job->blocks_in_slots;
  JobOutcome& outcome = job->outcome;
  if (error && outcome.succeeded()) {
    outcome.end = JobEnd::failed;
    outcome.message = message_of(error);
    job->next_row = outcome.job.rows.end;  // the rest of the job need not be read
  }
  if (outcome.succeeded()) {
    const PhaseScope scope(clock_, Phase::write);
    const double start = now_s();
    work_->write(outcome.job, slot.block, index, outcome.result);
    outcome.times.write_s += now_s() - start;
  }
  end_if_complete(job);
}

void Pipeline::end_if_complete(const std::shared_ptr<Active>& job) {
  if (job->next_row < job->outcome.job.rows.end || job->blocks_in_slots > 0) return;
  if (complete_.empty()) complete_since_s_ = now_s();
  // Not reported yet: rows are safe after a sync only.
  complete_.push_back(job->outcome);
  complete_bytes_ += job->outcome.result.bytes_written;
  jobs_.erase(std::find(jobs_.begin(), jobs_.end(), job));
}

/// Jobs are reported once their rows are on the disk; many small ones together.
bool Pipeline::report_complete(bool now) {
  if (complete_.empty()) return false;
  if (!now && complete_bytes_ < bytes_per_sync && now_s() - complete_since_s_ < sync_interval_s) return false;
  const double start = now_s();
  {
    const PhaseScope scope(clock_, Phase::sync);
    try {
      work_->sync();
    } catch (...) {
      complete_.clear();  // a second sync would succeed: the system reports a lost write once
      throw;
    }
  }
  // The sync counts as writing of one job of those that shared it: the sum over jobs is right, and so is the rate of writing.
  complete_.back().times.write_s += now_s() - start;
  for (const JobOutcome& outcome : complete_) upstream_.done(outcome);
  complete_.clear();
  complete_bytes_ = 0;
  return true;
}

bool Pipeline::load() {
  if (loaded_ >= 0) return false;
  const auto next = std::find_if(jobs_.begin(), jobs_.end(), [](const auto& job) { return job->next_row < job->outcome.job.rows.end; });
  if (next == jobs_.end()) return false;
  const std::shared_ptr<Active> job = *next;
  // The slot that the kernel does not use.
  const int index = computing_ == usable_[0] ? usable_[1] : usable_[0];
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  slot.block = {job->next_row, std::min(job->next_row + block_rows_, job->outcome.job.rows.end)};
  {
    const PhaseScope scope(clock_, Phase::read);
    const double start = now_s();
    work_->read(job->outcome.job, slot.block, index, job->outcome.result);
    job->outcome.times.read_s += now_s() - start;
  }
  slot.job = job;
  job->next_row = slot.block.end;
  ++job->blocks_in_slots;
  loaded_ = index;
  if (computing_ < 0) start_loaded();
  return true;
}

}  // namespace skyfold
