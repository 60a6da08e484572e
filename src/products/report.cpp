#include "skyfold/products/report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "skyfold/core/text.hpp"

namespace skyfold {

std::string run_summary(const Ranks& ranks, const FarmReport& report, int threads, const std::string& unit) {
  struct Times {
    PhaseSeconds seconds;
    double wall_s;
  } mine{};
  mine.seconds = ranks.clock().seconds();
  for (const double s : mine.seconds) mine.wall_s += s;
  const auto all = ranks.gather(std::string(reinterpret_cast<const char*>(&mine), sizeof mine));
  PhaseSeconds total{};
  double rank_seconds = 0.0, wall_s = 0.0;
  for (const std::string& text : all) {
    Times times{};
    std::memcpy(&times, text.data(), sizeof times);
    for (std::size_t i = 0; i < phase_count; ++i) total[i] += times.seconds[i];
    rank_seconds += times.wall_s;
    wall_s = std::max(wall_s, times.wall_s);
  }
  const double rows = static_cast<double>(report.rows), cores = static_cast<double>(ranks.size() * threads);
  std::string text = fmt::format("{} {} in {:.2f} s on {} rank{} x {} thread{}: {}/s, {}/s/core; {} jobs; read {} MB, wrote {} MB at {} MB/s per rank\n",
                                 grouped(report.rows), unit, wall_s, ranks.size(), ranks.size() == 1 ? "" : "s", threads,
                                 threads == 1 ? "" : "s", grouped(static_cast<long long>(rows / wall_s)),
                                 grouped(static_cast<long long>(rows / wall_s / cores)), grouped(report.jobs),
                                 grouped(report.bytes_read / 1'000'000), grouped(report.bytes_written / 1'000'000),
                                 grouped(static_cast<long long>(static_cast<double>(report.bytes_written) / 1e6 / std::max(report.write_s, 1e-6))));
  text += fmt::format("{:<12} {:>12} {:>7}\n", "phase", "rank-seconds", "share");
  for (std::size_t i = 0; i < phase_count; ++i)
    text += fmt::format("{:<12} {:>12.2f} {:>6.1f}%\n", name_of(static_cast<Phase>(i)), total[i], 100.0 * total[i] / rank_seconds);
  text += fmt::format("{:<12} {:>12.2f} {:>6.1f}%  (wall time x ranks)", "sum", rank_seconds, 100.0);
  return text;
}

}  // namespace skyfold
