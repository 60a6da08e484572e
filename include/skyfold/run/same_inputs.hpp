#pragma once

#include <string>
#include <vector>

#include "skyfold/farm/ranks.hpp"

namespace skyfold {

/// Throws, on every rank, when a rank sees another file than rank 0 under the same path: in another folder, or on a file
/// system of its own machine. Collective. Files of the same size and time are the same; others are when their content is
/// (of large files, samples of it): so every machine may have a copy of its own.
void check_same_inputs(const Ranks& ranks, const std::vector<std::string>& paths);

}  // namespace skyfold
