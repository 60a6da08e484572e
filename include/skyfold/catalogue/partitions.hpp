#pragma once

#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// The partitions into which photoz would cut a catalogue. Throws UsageError when its order does not suit them, DataError
/// when it has no rows.
///
/// @param is_given  the user chose `partition.by`
[[nodiscard]] std::vector<Partition> partitions_of(const Catalogue& catalogue, const PartitionOptions& o, bool is_given);

}  // namespace skyfold
