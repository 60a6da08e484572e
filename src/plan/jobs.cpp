#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {
namespace {

double cost_of(const Job& job, std::span<const Partition> partitions) {
  double cost = 0.0, rows = 0.0;
  for (std::int64_t i = 0; i < job.partition_count; ++i) {
    const Partition& partition = partitions[static_cast<std::size_t>(job.first_partition + i)];
    cost += partition.cost;
    rows += static_cast<double>(partition.rows.size());
  }
  return rows > 0.0 ? cost * static_cast<double>(job.rows.size()) / rows : 0.0;  // a cut partition: its share
}

std::vector<Job> fixed_jobs(std::span<const Partition> partitions, std::int64_t per_job) {
  std::vector<Job> jobs;
  for (std::int64_t first = 0; first < std::ssize(partitions); first += per_job) {
    const std::int64_t count = std::min(per_job, std::ssize(partitions) - first);
    const auto last = static_cast<std::size_t>(first + count - 1);
    jobs.push_back({0, first, count, {partitions[static_cast<std::size_t>(first)].rows.begin, partitions[last].rows.end}});
  }
  return jobs;
}

/// A partition, or what is left of one that is being cut.
struct Piece {
  std::int64_t partition = 0;
  RowRange rows;
  double cost = 0.0;
};

/// Cuts a first part of at most `aim` cost and `max_rows` rows off a piece, so that the parts of a piece are about equal.
Piece take_part(Piece& piece, double aim, std::int64_t max_rows) {
  const auto by_cost = static_cast<std::int64_t>(std::ceil(piece.cost / std::max(aim, 1.0)));
  const std::int64_t by_rows = (piece.rows.size() + max_rows - 1) / max_rows;
  const std::int64_t parts = std::clamp<std::int64_t>(std::max(by_cost, by_rows), 1, piece.rows.size());
  const std::int64_t rows = (piece.rows.size() + parts - 1) / parts;
  const double cost = piece.cost * static_cast<double>(rows) / static_cast<double>(piece.rows.size());
  const Piece part{piece.partition, {piece.rows.begin, piece.rows.begin + rows}, cost};
  piece.rows.begin += rows;
  piece.cost -= cost;
  return part;
}

/// Guided self-scheduling (Polychronopoulos & Kuck 1987): each job is a fixed share of what remains.
std::vector<Job> guided_jobs(std::span<const Partition> partitions, const JobOptions& o) {
  double remaining = std::accumulate(partitions.begin(), partitions.end(), 0.0,
                                     [](double sum, const Partition& p) { return sum + p.cost; });
  const auto share_of_remaining = [&] { return std::max(remaining / (2.0 * o.workers), static_cast<double>(o.min_rows)); };
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < partitions.size();) {
    const double aim = share_of_remaining();
    Piece rest{partitions[i].id, partitions[i].rows, partitions[i].cost};
    if (rest.cost > aim || rest.rows.size() > o.max_rows) {
      while (rest.rows.size() > 0) {
        const Piece part = take_part(rest, share_of_remaining(), o.max_rows);
        jobs.push_back({0, part.partition, 1, part.rows});
        remaining -= part.cost;
      }
      ++i;
      continue;
    }
    Job job{0, partitions[i].id, 1, partitions[i].rows};
    double cost = partitions[i].cost;
    for (++i; i < partitions.size(); ++i) {
      const Partition& next = partitions[i];
      if (cost + next.cost > aim || job.rows.size() + next.rows.size() > o.max_rows) break;
      cost += next.cost;
      job.rows.end = next.rows.end;
      ++job.partition_count;
    }
    remaining -= cost;
    jobs.push_back(job);
  }
  return jobs;
}

}  // namespace

std::vector<Job> build_jobs(std::span<const Partition> partitions, const JobOptions& o) {
  const bool automatic = o.partitions_per_job == "auto";
  const auto per_job = parse_integer(o.partitions_per_job);
  if (!automatic && (!per_job || *per_job < 1))
    throw UsageError(fmt::format("partitions-per-job = {} (must be auto or a count >= 1)", o.partitions_per_job));
  std::vector<Job> jobs = automatic ? guided_jobs(partitions, o) : fixed_jobs(partitions, *per_job);
  std::vector<std::pair<double, std::int64_t>> order;  // (-cost, place): longest first, ties by row
  for (std::size_t i = 0; i < jobs.size(); ++i) order.emplace_back(-cost_of(jobs[i], partitions), static_cast<std::int64_t>(i));
  std::sort(order.begin(), order.end());
  std::vector<Job> sorted;
  for (const auto& [cost, place] : order) {
    sorted.push_back(jobs[static_cast<std::size_t>(place)]);
    sorted.back().id = std::ssize(sorted) - 1;
  }
  return sorted;
}

}  // namespace skyfold
