// Inputs watched from the time when they are read: another file, size, time or edge of content at the end means that nobody can say
// what was read.
#include "watched_file.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/io/input_names.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t edge_bytes = 65'536;

std::string edge_hash(const File& file, std::int64_t bytes) {
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(bytes, edge_bytes)));
  std::uint64_t hash = 0;
  // Both ends, where headers and appended rows are: reading all of a survey twice would cost too much.
  for (const std::int64_t offset : {std::int64_t{0}, std::max<std::int64_t>(0, bytes - edge_bytes)})
    hash = hash_bytes(std::span(buffer).first(file.read_some(offset, buffer)), hash);
  return hex64(hash);
}

}  // namespace

InputState input_state(const std::string& path) {
  const InputName name = input_name(path);
  if (std::error_code error; !std::filesystem::exists(name.file, error) && !error) throw IoError(path + ": no such file");
  const File file = File::for_reading(name.file);
  struct stat status = {};
  if (fstat(file.descriptor(), &status) != 0) throw IoError(fmt::format("{}: {}", path, std::strerror(errno)));
  InputState state;
  // With what follows in brackets: two tables of one file are two inputs, and another row filter is another run.
  state.path = canonical_form(name.file);
  for (const std::string& bracket : name.brackets) state.path += "[" + bracket + "]";
  if (S_ISDIR(status.st_mode)) {
    const FolderState folder = folder_state(name.file);
    state.bytes = folder.bytes;
    state.time_ns = folder.time_ns;
    state.hash = hex64(hash_text(folder.listing));
    return state;
  }
  state.bytes = status.st_size;
  state.time_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  state.hash = S_ISREG(status.st_mode) ? edge_hash(file, status.st_size) : "";
  return state;
}

WatchedFile watched_file(const std::string& path) {
  WatchedFile file;
  std::error_code ignored;
  file.path = std::filesystem::absolute(input_file(path), ignored).string();
  struct stat status = {};
  if (stat(file.path.c_str(), &status) != 0 || (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))) return file;
  file.state = input_state(file.path);
  file.device = status.st_dev;
  file.inode = status.st_ino;
  file.is_watched = true;
  return file;
}

std::string change_of(const WatchedFile& before) {
  if (!before.is_watched) return "";
  const WatchedFile now = watched_file(before.path);
  // From the plainest reason to the one that needs reading; the first that holds is told.
  if (!now.is_watched) return "it is gone";
  if (now.state.path != before.state.path) return fmt::format("the link led to {} and leads to {}", before.state.path, now.state.path);
  if (now.device != before.device || now.inode != before.inode) return "another file has taken its place";
  if (now.state.bytes != before.state.bytes) return fmt::format("its size was {} and is {} bytes", before.state.bytes, now.state.bytes);
  if (now.state.time_ns != before.state.time_ns) return "it was written to";
  if (now.state.hash == before.state.hash) return "";
  std::error_code error;
  return std::filesystem::is_directory(before.path, error) ? "its files are others" : "its first or last bytes have changed";
}

}  // namespace skyfold
