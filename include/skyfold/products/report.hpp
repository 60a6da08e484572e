#pragma once

#include <string>

#include "skyfold/farm/farm.hpp"
#include "skyfold/farm/ranks.hpp"

namespace skyfold {

/// The closing table of a command: rows, rates, and where the time of all ranks went; collective, text on rank 0.
///
/// @param threads  OpenMP threads of each rank, for the rate per core
/// @param unit     what a row is, e.g. "objects"
[[nodiscard]] std::string run_summary(const Ranks& ranks, const FarmReport& report, int threads, const std::string& unit);

}  // namespace skyfold
