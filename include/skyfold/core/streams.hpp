#pragma once

#include <string>

namespace skyfold {

/// Writes text as it is to standard error. When that is full or closed nothing happens: what is said is worth no result.
void write_to_stderr(const std::string& text) noexcept;

}  // namespace skyfold
