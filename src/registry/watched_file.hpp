#pragma once

#include <cstdint>
#include <string>

#include "skyfold/registry/input_state.hpp"

namespace skyfold {

/// A file that is read, as it was when the work began.
struct WatchedFile {
  std::string path;  ///< absolute, as the user named it: what a link points to may change, too
  InputState state;
  std::uint64_t device = 0, inode = 0;
  bool is_watched = false;  ///< false for pipes and what cannot be read: opening it tells
};
[[nodiscard]] WatchedFile watched_file(const std::string& path);

/// What has changed since, "its size was 100 and is 90"; "" while it is the same file with the same size, time, and hash of
/// the first and last 64 KiB.
[[nodiscard]] std::string change_of(const WatchedFile& file);

}  // namespace skyfold
