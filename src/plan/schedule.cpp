// Which worker does which task, decided beforehand: longest processing time first.
#include "skyfold/plan/schedule.hpp"

#include <algorithm>
#include <numeric>

namespace skyfold {
namespace {

/// What no schedule can beat.
double lower_bound(std::span<const double> longest_first, std::span<const double> speeds, double end_s) {
  const double all_speeds = std::accumulate(speeds.begin(), speeds.end(), 0.0), fastest = *std::ranges::max_element(speeds);
  double bound = std::accumulate(longest_first.begin(), longest_first.end(), 0.0) / all_speeds;
  const std::size_t workers = speeds.size();
  // Of k m + 1 tasks one worker has k + 1, which is no sooner done by the fastest.
  for (std::size_t at = 0, count = 1; at < longest_first.size(); at += workers, ++count)
    bound = std::max(bound, static_cast<double>(count) * longest_first[at] / fastest);
  const bool has_one_speed = std::ranges::all_of(speeds, [&](double speed) { return speed == speeds.front(); });
  if (has_one_speed && !longest_first.empty() && longest_first.size() <= 2 * workers && 3.0 * longest_first.back() / fastest >= end_s)
    bound = std::max(bound, end_s);
  return bound;
}

}  // namespace

Schedule longest_first(std::span<const double> costs, std::span<const double> speeds) {
  std::vector<std::size_t> order(costs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return costs[a] > costs[b]; });
  std::vector<double> free_s(speeds.size(), 0.0), sorted;
  Schedule schedule;
  for (const std::size_t task : order) {
    std::size_t best = 0;
    const auto end = [&](std::size_t worker) { return free_s[worker] + costs[task] / speeds[worker]; };
    for (std::size_t worker = 1; worker < speeds.size(); ++worker)
      if (end(worker) < end(best)) best = worker;
    schedule.tasks.push_back({task, best, free_s[best], end(best)});
    free_s[best] = end(best);
    sorted.push_back(costs[task]);
  }
  schedule.end_s = *std::ranges::max_element(free_s);
  schedule.bound_s = lower_bound(sorted, speeds, schedule.end_s);
  return schedule;
}

}  // namespace skyfold
