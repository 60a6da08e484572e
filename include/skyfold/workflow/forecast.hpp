#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "skyfold/workflow/file.hpp"
#include "skyfold/workflow/state.hpp"

namespace skyfold::workflow {

/// What machines cost that may be taken away.
struct MachineTerms {
  double preemptions_per_hour =
      0.0;                   ///< of a machine: a Poisson process; the job starts again from its beginning on one that comes at once
  double price = 0.0;        ///< of a slot for an hour
  double fixed_price = 0.0;  ///< for an hour, whatever the slots: the machine of the owner, storage
};
/// Expected time until a job of `wall_s` has gone through without being taken away, when it starts again from its beginning each time: with
/// the rate r of a Poisson process, (exp(r w) - 1) / r (a renewal argument: E = w exp(-r w) + integral of (t + E) r exp(-r t) over t < w).
[[nodiscard]] double expected_seconds(double wall_s, double preemptions_per_hour);

/// A pipeline in virtual time.
struct Forecast {
  int slots = 1;
  double wall_s = 0.0;
  double slot_s = 0.0;  ///< that jobs take, with what is lost
  double cost = 0.0;    ///< of all slots until the end, and what is fixed
  struct OfNode {
    std::int64_t jobs = 0;
    std::int64_t known = 0;  ///< of them: the same job has completed before; the others are drawn from the node's
    double median_s = 0.0, longest_s = 0.0, slot_s = 0.0;
    std::vector<double> walls;
  };
  std::map<std::string, OfNode> nodes;
};

/// Plays a pipeline from its beginning, with all targets, on one agent of `slots`: the engine hands out jobs by the same rules as in a run,
/// and each takes as long as it took before, or as one of its node that is drawn by its keys; it emits what that one emitted. Nothing
/// fails. Nodes of which no job has completed take no time; `Forecast::nodes` tells (jobs without walls).
[[nodiscard]] Forecast forecast(const PipelineFile& file, const PipelineState& earlier, const std::vector<Keys>& targets, int slots,
                                const MachineTerms& terms);

}  // namespace skyfold::workflow
