// From partitions to jobs: guided self-scheduling (Polychronopoulos & Kuck 1987) cuts large jobs first and small ones last, so that
// all ranks end together. Pure: the same plan for the same numbers. No result depends on it.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {
namespace {

struct CostedJob {
  Job job;
  double cost = 0.0;
};

/// Whether a partition follows a job directly, in the plan and in its rows.
bool follows(const Job& job, const Partition& next) {
  return next.id == job.first_partition + job.partition_count && next.rows.begin == job.rows.end;
}

CostedJob job_of(const Partition& partition) { return {{0, partition.id, 1, partition.rows}, partition.cost}; }

void add_partition(CostedJob& job, const Partition& next) {
  job.job.rows.end = next.rows.end;
  ++job.job.partition_count;
  job.cost += next.cost;
}

std::vector<CostedJob> fixed_jobs(std::span<const Partition> partitions, std::int64_t per_job) {
  std::vector<CostedJob> jobs;
  for (const Partition& partition : partitions) {
    if (!jobs.empty() && jobs.back().job.partition_count < per_job && follows(jobs.back().job, partition))
      add_partition(jobs.back(), partition);
    else
      jobs.push_back(job_of(partition));
  }
  return jobs;
}

/// A partition, or what is left of one that is being cut.
struct Piece {
  std::int64_t partition = 0;
  RowRange rows;
  double cost = 0.0;
};

/// Cuts a first part off a piece, so that its parts are about equal: of at most `aim` cost, unless they would fall below
/// `smallest`, and at most `max_rows` rows.
Piece take_part(Piece& piece, double aim, double smallest, std::int64_t max_rows) {
  const auto by_cost =
      // Rounded down by the smallest size: parts below it would cost more to hand out than to compute.
      static_cast<std::int64_t>(std::min(std::ceil(piece.cost / std::max(aim, 1.0)), std::floor(piece.cost / std::max(smallest, 1.0))));
  const std::int64_t by_rows = (piece.rows.size() + max_rows - 1) / max_rows;
  const std::int64_t parts = std::clamp<std::int64_t>(std::max(by_cost, by_rows), 1, piece.rows.size());
  // The first of equal parts; what is left is divided again, with what has become of the aim.
  const std::int64_t rows = (piece.rows.size() + parts - 1) / parts;
  const double cost = piece.cost * static_cast<double>(rows) / static_cast<double>(piece.rows.size());
  const Piece part{piece.partition, {piece.rows.begin, piece.rows.begin + rows}, cost};
  piece.rows.begin += rows;
  piece.cost -= cost;
  return part;
}

/// Cost of the smallest jobs: see JobOptions and build_jobs.
double smallest_job(double total, const JobOptions& o) {
  // Rank 0 hands out one job at a time: it must be done with all workers before the first one asks again.
  double pace = std::min(o.handing_out * o.workers, std::sqrt(o.handing_out * total));
  const double rounds = std::floor(total / (pace * o.workers));
  if (rounds >= 1.0) pace = total / (rounds * o.workers);  // so that every rank gets as many of them
  return std::max(static_cast<double>(o.min_rows), pace);
}

/// Guided self-scheduling (Polychronopoulos & Kuck 1987): each job is a fixed share of what remains.
std::vector<CostedJob> guided_jobs(std::span<const Partition> partitions, const JobOptions& o) {
  double remaining =
      std::accumulate(partitions.begin(), partitions.end(), 0.0, [](double sum, const Partition& p) { return sum + p.cost; });
  const double smallest = smallest_job(remaining, o);
  const auto share_of_remaining = [&] { return std::max(remaining / (2.0 * o.workers), smallest); };
  std::vector<CostedJob> jobs;
  for (std::size_t i = 0; i < partitions.size();) {
    const double aim = share_of_remaining();
    Piece rest{partitions[i].id, partitions[i].rows, partitions[i].cost};
    if (rest.cost > aim || rest.rows.size() > o.max_rows) {
      while (rest.rows.size() > 0) {
        const Piece part = take_part(rest, share_of_remaining(), smallest, o.max_rows);
        jobs.push_back({{0, part.partition, 1, part.rows}, part.cost});
        remaining -= part.cost;
      }
      ++i;
      continue;
    }
    CostedJob job = job_of(partitions[i]);
    for (++i; i < partitions.size(); ++i) {
      const Partition& next = partitions[i];
      // A job that is too small takes one more partition if that brings it nearer to the smallest size.
      const bool fits =
          (job.cost + next.cost <= aim || job.cost + 0.5 * next.cost <= smallest) && job.job.rows.size() + next.rows.size() <= o.max_rows;
      if (!fits || !follows(job.job, next)) break;
      add_partition(job, next);
    }
    remaining -= job.cost;
    jobs.push_back(job);
  }
  return jobs;
}

}  // namespace

RowRange common(RowRange a, RowRange b) noexcept {
  const std::int64_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

std::vector<RowRange> rows_left(RowRange all, std::vector<RowRange> done) {
  // Journals of several attempts may overlap and come in any order.
  std::sort(done.begin(), done.end(), [](RowRange a, RowRange b) { return a.begin < b.begin; });
  std::vector<RowRange> left;
  std::int64_t next = all.begin;
  for (const RowRange& rows : done) {
    if (rows.begin > next) left.push_back({next, std::min(rows.begin, all.end)});
    next = std::max(next, rows.end);
    if (next >= all.end) break;
  }
  if (next < all.end) left.push_back({next, all.end});
  std::erase_if(left, [](RowRange rows) { return rows.size() <= 0; });
  return left;
}

std::vector<Job> build_jobs(std::span<const Partition> partitions, const JobOptions& o) {
  const bool automatic = o.partitions_per_job == "auto";
  const auto per_job = parse_integer(o.partitions_per_job);
  if (!automatic && (!per_job || *per_job < 1))
    throw UsageError(fmt::format("partitions-per-job = {} (must be auto or a count >= 1)", o.partitions_per_job));
  std::vector<CostedJob> jobs = automatic ? guided_jobs(partitions, o) : fixed_jobs(partitions, *per_job);
  if (o.order == "longest")
    // Stable, so that jobs of equal cost stay in sky order and read one behind the other.
    std::stable_sort(jobs.begin(), jobs.end(), [](const CostedJob& a, const CostedJob& b) { return a.cost > b.cost; });
  std::vector<Job> ordered;
  for (const CostedJob& job : jobs) {
    ordered.push_back(job.job);
    // Numbered as they are handed out.
    ordered.back().id = std::ssize(ordered) - 1;
  }
  return ordered;
}

}  // namespace skyfold
