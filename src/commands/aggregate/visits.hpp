#pragma once

#include <string>

#include "skyfold/commands/object_statistics.hpp"

namespace skyfold {

/// A product with a row for each object, filter and visit in which measurements count, on all ranks; collective. Killed and called again,
/// it goes on.
/// @param visit  column of the measurements that is equal for those of one visit; "": by a usual name
ExitCode make_visit_statistics(const ObjectStatisticsRun& o, const std::string& visit, const CommandContext& context);

}  // namespace skyfold
