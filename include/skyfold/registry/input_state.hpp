#pragma once

#include <cstdint>
#include <string>

namespace skyfold {

/// What identifies an input: changed content shows in one of these, without reading it all.
struct InputState {
  std::string path;  ///< absolute
  std::int64_t bytes = 0, time_ns = 0;
  std::string hash;  ///< of its first and last 64 KiB, where headers and indexes are

  bool operator==(const InputState&) const = default;
};
/// Throws IoError when the file cannot be read.
[[nodiscard]] InputState input_state(const std::string& path);

}  // namespace skyfold
