#pragma once

#include <string>

#include "skyfold/plan/plan.hpp"
#include "skyfold/stages/stage.hpp"

namespace skyfold {

/// Path of a catalogue whose order suits the partitions: `path` itself, or a re-ordered copy beside it, which is made
/// on first use, kept for later runs, and made anew when the catalogue has changed. Collective.
[[nodiscard]] std::string ordered_catalogue(const std::string& path, const PartitionOptions& partition, const StageContext& context);

}  // namespace skyfold
