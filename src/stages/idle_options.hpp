#pragma once

#include <fmt/core.h>

#include <initializer_list>
#include <string>
#include <utility>

#include "skyfold/core/error.hpp"

namespace skyfold {

/// Throws UsageError for the first option that has a value though what it is about is not in this run: it would be given for
/// nothing.
///
/// @param needs    what there would have to be, for the message: "--reference"
/// @param options  name, and whether it has another value than by default
inline void refuse_idle_options(const char* needs, std::initializer_list<std::pair<const char*, bool>> options) {
  for (const auto& [name, is_set] : options)
    if (is_set) throw UsageError(fmt::format("--{} has no part in this run (it needs {})", name, needs));
}

}  // namespace skyfold
