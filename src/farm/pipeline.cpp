#include "pipeline.hpp"

#include <algorithm>

#include "skyfold/core/log.hpp"

namespace skyfold {
namespace {

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    return caught.what();
  } catch (...) {
    return "unknown exception";
  }
}

}  // namespace

Pipeline::Pipeline(Work& work, RankClock& clock, std::int64_t block_rows, int rank, Upstream upstream)
    : work_(work), clock_(clock), block_rows_(block_rows), rank_(rank), upstream_(std::move(upstream)), thread_(clock) {}

void Pipeline::give(const Assignment& assignment) {
  asked_with_ = -1;
  auto job = std::make_shared<Active>();
  job->outcome.job = assignment.job;
  job->outcome.attempt = assignment.attempt;
  job->outcome.rank = rank_;
  job->next_row = assignment.job.rows.begin;
  jobs_.push_back(std::move(job));
}

void Pipeline::drop_all() {
  jobs_.clear();
  if (loaded_ >= 0) slots_[static_cast<std::size_t>(std::exchange(loaded_, -1))].job = nullptr;
  if (computing_ < 0) return;
  while (!thread_.has_ended(std::chrono::milliseconds(100))) {
  }
  slots_[static_cast<std::size_t>(std::exchange(computing_, -1))].job = nullptr;
}

bool Pipeline::step() {
  const bool collected = collect();
  const bool asked = ask_for_work();
  return load() || collected || asked;
}

void Pipeline::wait(std::chrono::microseconds patience) { (void)thread_.has_ended(patience); }

/// Keeps one job in reserve: asks as soon as the last one has begun to be read, and again once this rank is idle.
bool Pipeline::ask_for_work() {
  const auto unread = std::count_if(jobs_.begin(), jobs_.end(), [](const auto& job) {
    return job->next_row == job->outcome.job.rows.begin;
  });
  const int in_hand = static_cast<int>(jobs_.size());
  if (unread > 0 || (asked_with_ >= 0 && !(asked_with_ > 0 && in_hand == 0))) return false;
  asked_with_ = in_hand;
  upstream_.request(in_hand);
  return true;
}

bool Pipeline::collect() {
  if (computing_ < 0 || !thread_.has_ended(std::chrono::microseconds(0))) return false;
  const int index = std::exchange(computing_, -1);
  const std::exception_ptr error = thread_.error();
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  slot.job->outcome.compute_s += now_s() - compute_start_s_;
  start_loaded();  // before writing: the processors come first
  write(slot, index, error);
  return true;
}

void Pipeline::start_loaded() {
  if (loaded_ < 0) return;
  computing_ = std::exchange(loaded_, -1);
  const int index = computing_;
  compute_start_s_ = now_s();
  thread_.start([this, index, job = slots_[static_cast<std::size_t>(index)].job] {
    work_.compute(job->outcome.job, slots_[static_cast<std::size_t>(index)].block, index);
  });
}

void Pipeline::write(Slot& slot, int index, std::exception_ptr error) {
  const std::shared_ptr<Active> job = std::exchange(slot.job, nullptr);
  --job->blocks_in_slots;
  JobOutcome& outcome = job->outcome;
  if (error && outcome.succeeded) {
    outcome.succeeded = false;
    outcome.message = message_of(error);
    job->next_row = outcome.job.rows.end;  // the rest of the job need not be read
  }
  if (outcome.succeeded) {
    const PhaseScope scope(clock_, Phase::write);
    const double start = now_s();
    work_.write(outcome.job, slot.block, index, outcome.result);
    outcome.write_s += now_s() - start;
  }
  end_if_complete(job);
}

void Pipeline::end_if_complete(const std::shared_ptr<Active>& job) {
  if (job->next_row < job->outcome.job.rows.end || job->blocks_in_slots > 0) return;
  if (job->outcome.succeeded) {
    const PhaseScope scope(clock_, Phase::write);
    const double start = now_s();
    work_.job_written(job->outcome.job);
    job->outcome.write_s += now_s() - start;
  }
  jobs_.erase(std::find(jobs_.begin(), jobs_.end(), job));
  upstream_.done(job->outcome);
}

bool Pipeline::load() {
  if (loaded_ >= 0) return false;
  const auto next = std::find_if(jobs_.begin(), jobs_.end(), [](const auto& job) { return job->next_row < job->outcome.job.rows.end; });
  if (next == jobs_.end()) return false;
  const std::shared_ptr<Active> job = *next;
  const int index = computing_ == 0 ? 1 : 0;
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  slot.block = {job->next_row, std::min(job->next_row + block_rows_, job->outcome.job.rows.end)};
  {
    const PhaseScope scope(clock_, Phase::read);
    const double start = now_s();
    work_.read(job->outcome.job, slot.block, index, job->outcome.result);
    job->outcome.read_s += now_s() - start;
  }
  slot.job = job;
  job->next_row = slot.block.end;
  ++job->blocks_in_slots;
  loaded_ = index;
  if (computing_ < 0) start_loaded();
  return true;
}

}  // namespace skyfold
