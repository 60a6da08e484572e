#pragma once

#include <string>

#include "skyfold/commands/command.hpp"
#include "skyfold/commands/curve_options.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// A product with a row for each object of a catalogue: what its measurements tell.
struct ObjectStatisticsRun {
  std::string command = {};                            ///< "aggregate"
  std::string catalogue = {}, output = {}, fits = {};  ///< paths; fits "" for none
  std::string partitions_per_job = "auto";
  CurveOptions curves = {};
  ObjectStatisticsOptions statistics = {};
  PartitionOptions partition = {};
};

/// Makes it, on all ranks; collective. Killed and called again, it goes on.
ExitCode make_object_statistics(const ObjectStatisticsRun& o, const CommandContext& context);

}  // namespace skyfold
