// One pass of a run over rows: what is done already is checked and left out, the rest goes to the farm.
#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "impl.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/fits_product.hpp"

namespace skyfold {
namespace {

std::int64_t rows_of(const std::vector<Partition>& partitions) {
  std::int64_t rows = 0;
  for (const Partition& partition : partitions) rows += partition.rows.size();
  return rows;
}

}  // namespace

/// Compares the rows of ranges that are done with their checksums; ranges that differ are to be done again.
void Run::Impl::check_stored_rows(Work& work, int task, TaskHistory& history) {
  if (!o.verify) return;
  const std::string path = ranks.broadcast(folder ? folder->file("journal") : "");
  std::vector<JournalRecord> done;
  ranks.together([&] { done = TaskHistory(read_journal(path), task).done; });
  const auto verdicts = ranks.run_units(done.size(), [&](std::size_t i) {
    const JournalRecord& record = done[i];
    if (record.rows_checksum == 0) return std::string("unknown");  // of work that keeps none
    std::optional<std::uint64_t> checksum = 0;
    // In the blocks in which they were written: the checksum of one goes into that of the next.
    for (std::int64_t begin = record.rows.begin; begin < record.rows.end && checksum; begin += record.block_rows)
      checksum = work.stored_checksum({begin, std::min(begin + record.block_rows, record.rows.end)}, *checksum);
    return std::string(checksum && *checksum == record.rows_checksum ? "" : "differs");
  });
  ranks.on_first_only([&] {
    const auto unknown = std::count(verdicts.begin(), verdicts.end(), "unknown");
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < done.size(); ++i) {
      if (verdicts[i] != "differs") continue;
      JournalRecord record = done[i];
      // Appended, as all in a journal: what an attempt found stays readable, and a kill in between loses at most the verdict.
      record.event = Event::revoked;
      journal->append(record);
      ++wrong;
    }
    history = TaskHistory(read_journal(path), task);
    if (std::ssize(done) == unknown) return;
    log_info(fmt::format("verified {} ranges that were done: {} of them differ from their checksums{}", std::ssize(done) - unknown, wrong,
                         wrong > 0 ? " and are computed again" : ""));
  });
}

/// What is left of a pass, as jobs.
FarmPlan Run::Impl::plan(const TaskInfo& info, const std::vector<Partition>& partitions, TaskHistory& history) {
  const TaskHistory::Left left = history.left(partitions, info.whole_jobs);
  FarmPlan plan;
  plan.partitions = partitions;
  JobOptions options{info.partitions_per_job, o.farm.order, worker_count(o.farm, ranks.size())};
  if (info.whole_jobs) options.partitions_per_job = "1";
  plan.jobs = build_jobs(left.pieces, options);
  // Last, one by one: if one of them kills its rank again, everything else is done.
  plan.jobs.insert(plan.jobs.end(), left.suspects.begin(), left.suspects.end());
  for (const auto& [job, message] : left.given_up) {
    if (info.must_succeed) {  // nothing can be done without it: one more attempt
      Job again = job;
      again.attempts = Dispatcher::max_attempts - 1;
      plan.jobs.push_back(again);
      continue;
    }
    JobOutcome outcome;
    outcome.job = job;
    outcome.end = JobEnd::failed;
    outcome.message = message;
    plan.failures.push_back(outcome);
  }
  statistics.rows = 0;  // of the last pass, not their sum
  statistics.skipped_rows = history.rows_done();
  return plan;
}

FarmReport Run::farm(const TaskInfo& info, const std::vector<Partition>& partitions, const std::shared_ptr<Work>& work) {
  Impl& my = *impl_;
  // A run within this one, of a copy that it needs, has led notes to its own folder.
  catch_crashes(fmt::format("{}/crash.{}", run_path(my.setup.output), my.ranks.rank()));
  const int task = my.next_task++;
  FarmOptions options = my.o.farm;
  // A job that is one unit (a bucket to sort) is read as one block; half of the largest number, since rows are added to it.
  if (info.whole_jobs) options.block_rows = std::numeric_limits<long>::max() / 2;
  TaskHistory history;
  my.ranks.on_first_only([&] { history = TaskHistory(read_journal(my.folder->file("journal")), task); });
  my.check_stored_rows(*work, task, history);

  FarmPlan plan;
  plan.task = task;
  std::optional<RunLog> log;
  struct Nobody final : FarmObserver {
    void started(const Job&, int) override {}
    void finished(const JobOutcome&) override {}
  } nobody;
  my.ranks.on_first_only([&] {
    my.unit = info.unit;
    plan = my.plan(info, partitions, history);
    plan.task = task;
    my.begin_pass(info, task, partitions, history);
    log.emplace(
        RunLog::Place{task, rows_of(partitions), history.rows_done(), info.name, info.unit, options.block_rows, partitions, my.hosts},
        *my.journal, *my.trace, my.statistics);
  });
  FarmReport report;
  try {
    report = run_farm(my.ranks, std::move(plan), work, log ? static_cast<FarmObserver&>(*log) : nobody, options);
  } catch (const Error& error) {
    // Rows may have been written: the work is kept for another attempt.
    if (my.folder) my.folder->keep();
    // With other inputs nothing of this would be used: the same ones would fail again at the same place.
    if (error.code() == ExitCode::data) discard();
    my.note_end(error.code());
    throw;
  }
  if (my.folder) my.folder->keep();
  // Ranks are numbered anew when some are lost.
  if (my.ranks.has_lost_ranks()) my.hosts = my.ranks.gather(host_name());
  my.ranks.on_first_only([&] { my.end_pass(info, task, partitions, report); });
  return report;
}

/// Notes a pass in the journal, and says what an earlier attempt has done of it.
void Run::Impl::begin_pass(const TaskInfo& info, int task, const std::vector<Partition>& partitions, const TaskHistory& history) {
  const std::int64_t rows = rows_of(partitions);
  JournalRecord record;
  record.event = Event::task;
  record.task = task;
  record.rows = {0, rows};
  record.partition_count = std::ssize(partitions);
  set_field(record.label, info.name);
  set_field(record.message, info.unit);
  journal->append(record);
  const std::int64_t done = history.rows_done();
  if (done > 0 && done < rows)
    log_info(fmt::format("{}: going on from an earlier attempt, {} of {} {} are done", info.name, grouped(done), grouped(rows), info.unit));
}

void Run::Impl::end_pass(const TaskInfo& info, int task, const std::vector<Partition>& partitions, const FarmReport& report) {
  journal->sync();
  trace->flush();
  sum_fits(TaskHistory(read_journal(folder->file("journal")), task), report);
  if (info.must_succeed && ranks.has_lost_ranks())  // one that wakes later could write over what the next pass writes
    throw IoError(info.name + ": ranks fell silent (run the same command again)");
  if (info.must_succeed && !report.failures.empty())
    throw Error(ExitCode::bug, fmt::format("{}: rows {} to {}: {}", info.name, report.failures.front().job.rows.begin,
                                           report.failures.front().job.rows.end, report.failures.front().message));
  for (const JobOutcome& failure : report.failures) {
    failures.push_back(failure);
    failed_labels.push_back(partitions[static_cast<std::size_t>(failure.job.first_partition)].label);
  }
}

/// The sum is that of the records if each row was written once.
void Run::Impl::sum_fits(const TaskHistory& history, const FarmReport& report) {
  std::uint32_t sum = 0;
  std::int64_t rows = 0;
  for (const JournalRecord& record : history.done) {
    sum = add_fits_sums(sum, static_cast<std::uint32_t>(record.fits_sum));
    rows += record.rows.size();
  }
  fits_sum.reset();
  if (rows == history.rows_done() && report.failures.empty()) fits_sum = sum;
}

}  // namespace skyfold
