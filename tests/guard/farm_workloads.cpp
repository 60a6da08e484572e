#include "skyfold/core/random.hpp"
#include "skyfold/farm/dispatcher.hpp"
#include "skyfold/farm/rehearsal.hpp"
#include "workloads.hpp"

namespace skyfold::guard {
namespace {

std::vector<Partition> made_up_partitions(std::int64_t n) {
  std::vector<Partition> partitions;
  std::int64_t row = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto rows = static_cast<std::int64_t>(1'000 + mix64(static_cast<std::uint64_t>(i)) % 50'000);
    partitions.push_back({i, "p", {row, row + rows}, static_cast<double>(rows)});
    row += rows;
  }
  return partitions;
}

constexpr int workers = 100;

/// Jobs are made and handed out until all are done, of those in hand the last one first.
void hand_out(std::span<const Partition> partitions) {
  Dispatcher dispatcher(build_jobs(partitions, {"1", "longest", workers}), partitions, workers);
  for (int worker = 0; worker < workers; ++worker) dispatcher.request(worker, 0);
  while (!dispatcher.is_done()) {
    const std::vector<Assignment> assignments = dispatcher.take();
    for (std::size_t i = assignments.size(); i-- > 0;) {
      dispatcher.request(assignments[i].worker, 1);
      dispatcher.finished(assignments[i].job.id, true);
      dispatcher.request(assignments[i].worker, 0);
    }
  }
}

Workload dispatching() {
  const auto partitions = made_up_partitions(2'000);
  return {partitions.size(), [partitions] { hand_out(partitions); }};
}

Workload rehearsing() {
  const auto partitions = made_up_partitions(1'000);
  const CostProfile costs(std::vector<CostProfile::Stretch>{{{0, partitions.back().rows.end}, {1e-6, 3e-5, 1e-6}}});
  RehearsalMachine machine;
  machine.ranks = workers;
  machine.ranks_per_node = machine.cores_per_node = 10;
  machine.message_s = 3e-5;
  machine.sync_s = 0.01;
  return {partitions.size(), [=] {
            (void)rehearse_farm(build_jobs(partitions, {"1", "longest", workers}), partitions, {}, machine, costs);
          }};
}

}  // namespace

std::vector<NamedWorkload> farm_workloads() { return {{"farm.dispatch", dispatching}, {"farm.rehearse", rehearsing}}; }

}  // namespace skyfold::guard
