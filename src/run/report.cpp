// The closing table: where the time of all ranks went, and one line about what would make this run shorter.
#include "skyfold/run/report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {

namespace {

double share(const PhaseSeconds& seconds, Phase phase, double sum) { return seconds[static_cast<std::size_t>(phase)] / sum; }

/// One line: what would make this run shorter.
std::string advice(const PhaseSeconds& seconds, double sum, double imbalance, double tail_s, double wall_s) {
  const double compute = share(seconds, Phase::compute, sum), wait = share(seconds, Phase::wait, sum);
  const double reading = share(seconds, Phase::read, sum);
  const double writing = share(seconds, Phase::write, sum) + share(seconds, Phase::sync, sum);
  // From the outside inwards: what dominates a small run first, then disks, then the balance between ranks.
  if (share(seconds, Phase::start, sum) > 0.3) return "starting up takes most: a run this small gains nothing from more ranks";
  if (share(seconds, Phase::consolidate, sum) > 0.3)
    return "consolidation takes most: it reads every product once, so a faster disk would help";
  if (reading > std::max(compute, writing)) return "bound by reading: a faster disk, or fewer ranks on it";
  if (writing > std::max(compute, reading)) return "bound by writing: a faster disk, or fewer products";
  if (wait > 0.1 && tail_s > 0.1 * wall_s && imbalance > 1.1)
    return "ranks wait for the last jobs: smaller jobs (--partitions-per-job 1, or finer partitions) would help";
  return "bound by computing: more cores would help";
}

/// How evenly ranks were busy, the wait for the last of them, and the job that took longest.
std::string balance_line(const RunStatistics& s, double imbalance, double tail_s) {
  return fmt::format("busiest rank / mean {:.2f}; idle tail {:.2f} s; longest job {:.2f} s{}\n", imbalance, tail_s, s.slowest_s,
                     s.slowest.empty() ? "" : " (" + s.slowest + ")");
}

}  // namespace

RunSummary run_summary(const Ranks& ranks, const RunStatistics& s, int threads, const std::string& unit) {
  struct Times {
    PhaseSeconds seconds;
    double wall_s;
    std::int64_t peak_bytes;
  } mine{};
  mine.peak_bytes = peak_memory_bytes();
  mine.seconds = ranks.clock().seconds();
  for (const double seconds : mine.seconds) mine.wall_s += seconds;
  // All ranks run the same program, so plain bytes will do.
  const auto all = ranks.gather(std::string(reinterpret_cast<const char*>(&mine), sizeof mine));
  PhaseSeconds total{};
  double rank_seconds = 0.0, wall_s = 0.0;
  std::int64_t peak_bytes = 0;
  for (const std::string& text : all) {
    Times times{};
    std::memcpy(&times, text.data(), sizeof times);
    for (std::size_t i = 0; i < phase_count; ++i) total[i] += times.seconds[i];
    rank_seconds += times.wall_s;
    wall_s = std::max(wall_s, times.wall_s);
    peak_bytes = std::max(peak_bytes, times.peak_bytes);
  }
  double busiest = 0.0, busy = 0.0;
  for (const auto& [rank, seconds] : s.compute_s) {
    busiest = std::max(busiest, seconds);
    busy += seconds;
  }
  // Of the ranks that computed: a dedicated rank 0 is not idle, it serves.
  const double imbalance = busy > 0.0 ? busiest * static_cast<double>(s.compute_s.size()) / busy : 1.0;
  const double tail_s = std::max(0.0, s.last_end_s - s.first_idle_s);
  const double rows = static_cast<double>(s.rows), cores = static_cast<double>(ranks.size() * threads);
  const auto rate = [](double value) { return grouped(static_cast<long long>(value)); };
  std::string text =
      fmt::format("{} {} in {:.2f} s on {} rank{} x {} thread{}: {}/s, {}/s/core; {} jobs; read {} MB, wrote {} MB at {} MB/s per rank\n",
                  grouped(s.rows), unit, wall_s, ranks.size(), ranks.size() == 1 ? "" : "s", threads, threads == 1 ? "" : "s",
                  rate(rows / wall_s), rate(rows / wall_s / cores), grouped(s.jobs), grouped(s.bytes_read / 1'000'000),
                  grouped(s.bytes_written / 1'000'000), rate(static_cast<double>(s.bytes_written) / 1e6 / std::max(s.write_s, 1e-6)));
  if (s.skipped_rows > 0) text += fmt::format("{} {} were done by earlier attempts\n", grouped(s.skipped_rows), unit);
  text += fmt::format("{:<12} {:>12} {:>7}\n", "phase", "rank-seconds", "share");
  for (std::size_t i = 0; i < phase_count; ++i)
    text += fmt::format("{:<12} {:>12.2f} {:>6.1f}%\n", name_of(static_cast<Phase>(i)), total[i], 100.0 * total[i] / rank_seconds);
  text += fmt::format("{:<12} {:>12.2f} {:>6.1f}%  (wall time x ranks)\n", "sum", rank_seconds, 100.0);
  text += balance_line(s, imbalance, tail_s);
  text += fmt::format("memory: the largest rank held {} MB\n", grouped(peak_bytes / 1'000'000));
  return {text + advice(total, rank_seconds, imbalance, tail_s, wall_s), peak_bytes};
}

}  // namespace skyfold
