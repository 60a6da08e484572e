#pragma once

namespace skyfold {

inline constexpr const char* program_version = "0.1.0";

/// Compiler, build type and flags, in one line.
[[nodiscard]] const char* build_description() noexcept;

}  // namespace skyfold
