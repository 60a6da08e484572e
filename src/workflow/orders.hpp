#pragma once

#include <string>

#include "skyfold/workflow/file.hpp"

namespace skyfold::workflow {

/// The options of a retry, which its job has as "name=value" lines.
[[nodiscard]] Keys changes_in(const std::string& set);

}  // namespace skyfold::workflow
