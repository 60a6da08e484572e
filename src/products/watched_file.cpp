#include "watched_file.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <filesystem>

namespace skyfold {

WatchedFile watched_file(const std::string& path) {
  WatchedFile file;
  std::error_code ignored;
  file.path = std::filesystem::absolute(path, ignored).string();
  struct stat status = {};
  if (stat(file.path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return file;
  file.state = input_state(file.path);
  file.device = status.st_dev;
  file.inode = status.st_ino;
  file.is_watched = true;
  return file;
}

std::string change_of(const WatchedFile& before) {
  if (!before.is_watched) return "";
  const WatchedFile now = watched_file(before.path);
  if (!now.is_watched) return "it is gone";
  if (now.state.path != before.state.path) return fmt::format("the link led to {} and leads to {}", before.state.path, now.state.path);
  if (now.device != before.device || now.inode != before.inode) return "another file has taken its place";
  if (now.state.bytes != before.state.bytes) return fmt::format("its size was {} and is {} bytes", before.state.bytes, now.state.bytes);
  if (now.state.time_ns != before.state.time_ns) return "it was written to";
  return now.state.hash == before.state.hash ? "" : "its first or last bytes have changed";
}

}  // namespace skyfold
