// Scratch folders: `.skyfold-rows-OUTPUT-RANDOM`, OUTPUT being a hash of the output's name, with a file `lock` that its maker holds. Where
// the file system has no locks, nothing is taken for left over.
#include "scratch_folder.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr int most_tries = 100;

std::string start_of_name(const std::string& output) {
  return fmt::format(".skyfold-rows-{:016x}-", hash_text(fs::path(output).filename().string()));
}

int open_lock(const std::string& folder, int flags) {
  int descriptor = -1;
  do descriptor = open((folder + "/lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

int hold(int descriptor, int how) {
  int result = -1;
  do result = flock(descriptor, how);
  while (result != 0 && errno == EINTR);
  return result;
}

void remove_if_abandoned(const std::string& folder) {
  struct stat status = {};
  if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return;
  const int lock = open_lock(folder, 0);
  if (lock < 0) {
    // Its maker has died before the lock was there, or is about to make it, and then makes another folder.
    if (errno == ENOENT) (void)rmdir(folder.c_str());
    return;
  }
  if (hold(lock, LOCK_EX | LOCK_NB) == 0) {
    std::error_code error;
    fs::remove_all(folder, error);
    if (!error) log_info(fmt::format("{}: removed (left by a run that was killed)", folder));
  }
  close(lock);
}

void remove_abandoned(const std::string& parent, const std::string& start) {
  try {
    for (const std::string& name : names_in(parent))
      if (name.starts_with(start)) remove_if_abandoned(parent + "/" + name);
  } catch (const IoError&) {  // NOLINT(bugprone-empty-catch): whether the folder can be used is seen when it is
  }
}

/// Takes the lock of a new folder; -1 where another process has removed the folder meanwhile.
int take_lock(const std::string& folder) {
  const int lock = open_lock(folder, O_CREAT | O_EXCL);
  if (lock < 0) {
    if (errno == ENOENT) return -1;
    throw IoError(fmt::format("{}: {}", folder, std::strerror(errno)));
  }
  (void)hold(lock, LOCK_EX);
  struct stat status = {};
  if (fstat(lock, &status) == 0 && status.st_nlink > 0) return lock;
  close(lock);
  return -1;
}

}  // namespace

ScratchFolder::ScratchFolder(const std::string& output) {
  const std::string target = output.empty() ? "" : link_target(output);
  const std::string parent = output.empty() ? fs::temp_directory_path().string() : folder_of(target);
  const std::string start = start_of_name(target);
  if (!output.empty()) remove_abandoned(parent, start);
  for (int i = 0; i < most_tries && lock_ < 0; ++i) {
    std::uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number) throw IoError("the system gives no random numbers");
    path_ = fmt::format("{}/{}{:016x}", parent, start, number);
    if (mkdir(path_.c_str(), 0777) == 0)
      lock_ = take_lock(path_);
    else if (errno != EEXIST)
      throw IoError(fmt::format("{}: {}", parent, std::strerror(errno)));
  }
  if (lock_ < 0) throw IoError(parent + ": no name is free for a temporary folder");
}

ScratchFolder::~ScratchFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
  close(lock_);
}

}  // namespace skyfold
