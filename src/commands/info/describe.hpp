#pragma once

#include <nlohmann/json.hpp>

#include "skyfold/dataset/dataset.hpp"

namespace skyfold {

/// What a table holds, as docs/info.md describes it: of a catalogue or product from its attributes, indexes and the statistics of its
/// zones; of another program's table by reading it once.
[[nodiscard]] nlohmann::ordered_json describe_table(const Dataset& dataset);

}  // namespace skyfold
