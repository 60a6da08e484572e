#pragma once

#include <string>

#include "skyfold/registry/process.hpp"

namespace skyfold {

/// A table as text, columns aligned: the first to the left, the others to the right.
[[nodiscard]] std::string as_text(const LogTable& table);

}  // namespace skyfold
