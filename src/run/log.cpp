// What the farm reports, written down: each job in the journal and in the timeline, and summed up for the closing table.
#include "log.hpp"

#include <algorithm>

namespace skyfold {

RunLog::RunLog(Place place, Journal& journal, Trace& trace, RunStatistics& statistics)
    : place_(std::move(place)),
      journal_(journal),
      trace_(trace),
      statistics_(statistics),
      progress_(place_.title, place_.rows, place_.unit, place_.rows_done),
      last_end_s_(place_.hosts.size()) {}

JournalRecord RunLog::record_of(const Job& job, int rank) const {
  JournalRecord record;
  record.task = place_.task;
  record.rows = job.rows;
  record.first_partition = job.first_partition;
  record.partition_count = job.partition_count;
  record.attempt = static_cast<std::int32_t>(job.attempts) + 1;
  record.rank = rank;
  record.block_rows = place_.block_rows;
  set_field(record.host, place_.hosts[static_cast<std::size_t>(rank)]);
  set_field(record.label, place_.partitions[static_cast<std::size_t>(job.first_partition)].label);
  return record;
}

void RunLog::started(const Job& job, int rank) {
  // Before the job leaves: what kills its rank is in the journal then.
  journal_.append(record_of(job, rank));
  progress_.update(place_.rows_done);
}

void RunLog::finished(const JobOutcome& outcome) {
  JournalRecord record = record_of(outcome.job, outcome.rank);
  record.event = outcome.end == JobEnd::done ? Event::done : outcome.end == JobEnd::failed ? Event::failed : Event::lost;
  record.rows_written = outcome.result.rows;
  record.bytes_read = outcome.result.bytes_read;
  record.bytes_written = outcome.result.bytes_written;
  record.rows_checksum = outcome.result.checksum;
  record.fits_sum = outcome.result.fits_sum;
  record.read_s = outcome.times.read_s;
  record.compute_s = outcome.times.compute_s;
  record.write_s = outcome.times.write_s;
  set_field(record.message, outcome.message);
  journal_.append(record);
  trace_.add(outcome, record.host, record.label);

  statistics_.jobs += 1;
  statistics_.compute_s[outcome.rank] += outcome.times.compute_s;
  double& last = last_end_s_[static_cast<std::size_t>(outcome.rank)];
  // The idle tail is from the first rank that had no more work to the last: both come from the ends of kernels, not of writing.
  last = std::max(last, outcome.times.compute_end);
  statistics_.last_end_s = std::max(statistics_.last_end_s, last);
  statistics_.first_idle_s = *std::min_element(last_end_s_.begin(), last_end_s_.end(), [](double a, double b) {
    return (a > 0.0 ? a : 1e300) < (b > 0.0 ? b : 1e300);  // ranks that only hand out jobs do not count
  });
  if (outcome.times.compute_s > statistics_.slowest_s) {
    statistics_.slowest_s = outcome.times.compute_s;
    statistics_.slowest = record.label;
  }
  if (outcome.succeeded()) {
    statistics_.rows += outcome.job.rows.size();
    statistics_.bytes_read += outcome.result.bytes_read;
    statistics_.bytes_written += outcome.result.bytes_written;
    statistics_.write_s += outcome.times.write_s;
    // Of the job, not of what it wrote: the bar counts towards the rows of the pass.
    place_.rows_done += outcome.job.rows.size();
  }
  progress_.update(place_.rows_done);
}

}  // namespace skyfold
