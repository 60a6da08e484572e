#pragma once

#include <string>
#include <vector>

#include "skyfold/registry/registry.hpp"

namespace skyfold {

/// The chain of processes and products that led to some products, back to the files that no process of the registry made: a
/// line each, indented by the steps between, with comments. What was shown before is not repeated.
[[nodiscard]] std::vector<std::string> lineage(Registry& registry, const std::vector<ProductRecord>& products);

/// The same chain as a document of the W3C's PROV-JSON (member submission of 2013): files are entities, runs of commands
/// activities, users and the program agents.
[[nodiscard]] std::string prov_json(Registry& registry, const ProductRecord& product);

}  // namespace skyfold
