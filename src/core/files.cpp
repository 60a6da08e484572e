// Names and places of files: temporary names, links, durable replacement. A file under its final name is complete: it is written
// beside it under a temporary one, synced, and renamed (rename is atomic within a folder, POSIX.1-2017), then the folder is synced.
#include "skyfold/core/files.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view temporary_start = ".skyfold-", temporary_end = ".new";
constexpr std::size_t random_digits = 16;
constexpr int most_links = 40;  // as Linux has it

[[noreturn]] void fail(const std::string& path, int error) { throw IoError(fmt::format("{}: {}", path, std::strerror(error))); }

std::string random_name() {
  std::uint64_t number = 0;
  // Not a process number: ranks on two machines that share a folder may have the same one.
  if (getrandom(&number, sizeof number, 0) != sizeof number) throw IoError("the system gives no random numbers");
  return fmt::format("{}{:016x}{}", temporary_start, number, temporary_end);
}

/// Writes, syncs and closes.
void fill(const std::string& path, std::string_view text) {
  File file = File::created_or_found(path);
  file.write(0, text);
  file.sync();
  file.close();
}

}  // namespace

std::string folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

std::string link_target(const std::string& path) {
  fs::path target = path;
  // By hand, since canonical() refuses a link to a file that is not there yet, which is where a product may go.
  for (int links = 0; links < most_links; ++links) {
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(target, error)) || error) return target.string();
    // What a link says is meant from its own folder, not from the folder of work.
    const fs::path next = fs::read_symlink(target, error);
    if (error) throw IoError(fmt::format("{}: {}", target.string(), error.message()));
    target = next.is_absolute() ? next : target.parent_path() / next;
  }
  throw IoError(path + ": too many links");
}

std::string canonical_form(const std::string& path) {
  std::error_code error;
  // The last link is followed first: weakly_canonical() stops at one that leads nowhere.
  const fs::path whole = fs::absolute(link_target(path), error);
  const fs::path canonical = error ? whole : fs::weakly_canonical(whole, error);
  return error ? path : canonical.string();
}

namespace {

/// @param make  makes what is to be at a path, or sets errno and returns false
template <class Make>
std::string make_at_random_name(const std::string& folder, const Make& make) {
  constexpr int most_tries = 100;
  for (int i = 0; i < most_tries; ++i) {
    const std::string path = folder + "/" + random_name();
    if (make(path.c_str())) return path;
    // EEXIST is a name that is taken: another one is tried. All else would fail for any name.
    if (errno != EEXIST) fail(folder, errno);
  }
  throw IoError(folder + ": no name is free for a temporary file");
}

}  // namespace

std::string make_temporary(const std::string& folder) {
  return make_at_random_name(folder, [](const char* path) {
    int descriptor = -1;
    do descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    while (descriptor < 0 && errno == EINTR);
    if (descriptor >= 0) close(descriptor);  // nothing was written
    return descriptor >= 0;
  });
}

std::string make_temporary_folder(const std::string& folder) {
  return make_at_random_name(folder, [](const char* path) { return mkdir(path, 0777) == 0; });
}

bool is_temporary(std::string_view file_name) noexcept {
  // Exactly what random_name() gives, and nothing wider: files of such names are removed when a run is cleared.
  return file_name.size() == temporary_start.size() + random_digits + temporary_end.size() && file_name.starts_with(temporary_start) &&
         file_name.ends_with(temporary_end) &&
         file_name.find_first_not_of("0123456789abcdef", temporary_start.size()) == temporary_start.size() + random_digits;
}

namespace {

/// What is at a path, where it is neither a file nor a folder; null otherwise. Links are followed.
const char* special_kind(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return nullptr;
  switch (status.st_mode & S_IFMT) {
    case S_IFIFO:
      return "a pipe";
    case S_IFSOCK:
    case S_IFCHR:
    case S_IFBLK:
      return "a device or socket";
    default:
      return nullptr;
  }
}

}  // namespace

void refuse_special_input(const std::string& path, const std::string& option) {
  if (const char* kind = special_kind(path))
    throw UsageError(
        fmt::format("{}{} is {}, not a file (inputs are read by position, on every rank, and again when a run is taken up: save it to a "
                    "file first)",
                    option, path, kind));
}

void refuse_special_output(const std::string& path) {
  if (const char* kind = special_kind(path))
    throw IoError(fmt::format("{}: is {} (a product is a file, which gets its name when it is complete)", path, kind));
}

void sync_path(const std::string& path) {
  File file = File::for_reading(path);
  file.sync();
  file.close();
}

void put_in_place(const std::string& from, const std::string& path) {
  const std::string target = link_target(path);
  std::error_code error;
  // rename() would put a file in the place of a device or pipe, and the user's reader would wait for ever.
  const fs::file_status there = fs::symlink_status(target, error);
  if (fs::exists(there) && !fs::is_regular_file(there))
    throw IoError(path + ": is no file that could be replaced (a folder, a device or a pipe)");
  rename_file(from, target);
}

void write_durably(const std::string& path, std::string_view text) {
  // Beside the target, not beside the link: rename does not cross file systems.
  const std::string folder = folder_of(link_target(path));
  std::string prepared;
  try {
    prepared = make_temporary(folder);
    fill(prepared, text);
    put_in_place(prepared, path);
  } catch (const IoError& error) {
    if (!prepared.empty()) unlink(prepared.c_str());
    throw IoError(fmt::format("{}: cannot be written ({})", path, error.what()));
  }
  // The new name lives in the folder: without this a power cut may bring back the old file.
  sync_path(folder);
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  // On network file systems a signal can interrupt even this.
  while (error == std::errc::interrupted) entry = fs::directory_iterator(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) names.push_back(entry->path().filename().string());
  if (error) throw IoError(fmt::format("{}: {}", folder, error.message()));
  // The order of a folder is that of the file system: sorted, results do not depend on it.
  std::sort(names.begin(), names.end());
  return names;
}

std::string read_small_file(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return "";
  try {
    return read_file(path);
  } catch (const IoError&) {
    if (stat(path.c_str(), &status) != 0) return "";  // gone meanwhile, as a process that ended
    throw;
  }
}

std::string path_beside(const std::string& path, const std::string& word) {
  fs::path beside(path);
  const std::string ending = beside.extension().string();
  return beside.replace_extension("." + word + (ending.empty() ? ".h5" : ending)).string();
}

}  // namespace skyfold
