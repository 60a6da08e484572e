#pragma once

#include <string>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// Whether the rows of a catalogue are in the order that the partitions need.
[[nodiscard]] bool suits(const CatalogueLayout& layout, const PartitionOptions& partition);
/// Path of a catalogue whose order suits the partitions: `path` itself, or a re-ordered copy beside it, which is made
/// on first use, kept for later runs, and made anew when the catalogue has changed. The copy is recorded as a product of an
/// import of its own; a run that finds another one making it waits. Collective.
[[nodiscard]] std::string ordered_catalogue(const std::string& path, const PartitionOptions& partition, const CommandContext& context);

}  // namespace skyfold
