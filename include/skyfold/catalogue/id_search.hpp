#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"

namespace skyfold {

/// The rows of a catalogue that have some ids, by reading its column of ids once: a catalogue stands in the order of the sky, and an index
/// of ids beside it would cost as much as the column. Zones (65,536 rows) whose range of ids has none of them are not read.
///
/// @param ids  whole numbers, as text; or texts, where the ids of the catalogue are texts
/// @returns  rows of each of `ids`, in their order: -1 for one that is not there; the first row of one that is repeated
/// Throws UsageError for a catalogue without ids and for an id that is no whole number where they are.
[[nodiscard]] std::vector<std::int64_t> rows_of_ids(const Catalogue& catalogue, std::span<const std::string> ids, int threads);

}  // namespace skyfold
