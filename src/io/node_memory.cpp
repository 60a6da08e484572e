// Memory that the ranks of one machine share, for maps: POSIX shared memory without its name, which is taken away once all have it
// open. So nothing is left behind by a kill, and no collective call is needed to free it.
#include "skyfold/io/node_memory.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <random>
#include <utility>

#include "skyfold/core/error.hpp"
#include "skyfold/core/process_status.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// Processes with the same text can share memory: the host's name and, for containers on one host, their IPC namespace.
std::string node_name() { return fmt::format("{} {}", host_name(), namespace_of_kind("ipc")); }

std::span<std::byte> map_memory(std::size_t bytes, int flags, int descriptor) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, descriptor, 0);
  if (memory == MAP_FAILED)
    throw IoError(fmt::format("cannot map {} bytes of memory ({})", grouped(static_cast<long long>(bytes)), std::strerror(errno)));
  return {static_cast<std::byte*>(memory), bytes};
}

// Not reserved: the whole address space of a map is asked for, and pages come as they are touched.
std::span<std::byte> own_memory(std::size_t bytes) { return map_memory(bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1); }

constexpr const char* shared_folder = "/dev/shm";  // where Linux keeps shared memory objects

/// Number of this process's PID namespace: process numbers of another one tell nothing here.
std::string pid_space() {
  std::string digits = namespace_of_kind("pid");
  std::erase_if(digits, [](char c) { return c < '0' || c > '9'; });
  return digits.empty() ? "0" : digits;
}

/// Objects of this user whose process was killed before it could remove their names: SPACE.PID.NUMBER behind the prefix.
void remove_stale() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(shared_folder, error)) {
    const std::string name = entry.path().filename().string();
    const std::vector<std::string> parts = split(name, '.');
    // Of another namespace the number may be that of a living process.
    if (parts.size() != 4 || parts[0] != "skyfold" || parts[1] != pid_space()) continue;
    const auto process = parse_integer(parts[2]);
    struct stat status = {};
    if (!process || *process <= 0 || ::lstat(entry.path().c_str(), &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_uid != ::geteuid())
      continue;
    // Signal 0 is none: it only asks whether the process is there.
    if (::kill(static_cast<pid_t>(*process), 0) != 0 && errno == ESRCH) ::shm_unlink(("/" + name).c_str());
  }
}

/// Makes the shared memory object with all its pages, so that a lack of memory is an error here and not a crash later. A name that
/// somebody has taken, by chance or on purpose, is left to him.
std::string create_shared(std::size_t bytes) {
  remove_stale();
  std::random_device random;
  std::string name;
  int descriptor = -1;
  for (int tries = 0; tries < 100 && descriptor < 0; ++tries) {
    // The process's number is for remove_stale, the random one against names that others have prepared.
    name = fmt::format("/skyfold.{}.{}.{:08x}", pid_space(), ::getpid(), random());
    descriptor = ::shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
    if (descriptor < 0 && errno != EEXIST && errno != EACCES) break;
  }
  if (descriptor < 0) throw IoError(fmt::format("cannot create shared memory {} ({})", name, std::strerror(errno)));
  fault_point("shared memory made");
  // Without this, the first touch of a page that is not there would be SIGBUS.
  const int error = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  ::close(descriptor);
  if (error == 0) return name;
  ::shm_unlink(name.c_str());
  throw IoError(fmt::format("cannot reserve {} bytes of shared memory for maps ({}; see df /dev/shm)",
                            grouped(static_cast<long long>(bytes)), std::strerror(error)));
}

std::span<std::byte> open_shared(const std::string& name, std::size_t bytes) {
  const int descriptor = ::shm_open(name.c_str(), O_RDWR, 0);
  if (descriptor < 0) throw IoError(fmt::format("cannot open shared memory {} ({})", name, std::strerror(errno)));
  try {
    const std::span<std::byte> memory = map_memory(bytes, MAP_SHARED, descriptor);
    ::close(descriptor);
    return memory;
  } catch (...) {
    ::close(descriptor);
    throw;
  }
}

/// Texts of a collective step: a name, or "!" and an error.
constexpr char error_mark = '!';

void throw_errors(const std::vector<std::string>& texts) {
  for (const std::string& text : texts)
    if (text.starts_with(error_mark)) throw IoError(text.substr(1));
}

}  // namespace

NodeMemory::NodeMemory(std::size_t bytes, const GatherTexts& gather, bool sparse) {
  bytes = std::max<std::size_t>(bytes, 1);
  // The process number finds this process's place in the lists, where every rank stands at the same place.
  const std::string node = node_name(), mine = fmt::format("{}\n{}", ::getpid(), node);
  const std::vector<std::string> all = gather(mine);
  const auto me = static_cast<std::size_t>(std::find(all.begin(), all.end(), mine) - all.begin());
  std::size_t first = all.size();
  sharers_ = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].substr(all[i].find('\n') + 1) != node) continue;
    first = std::min(first, i);
    if (i < me) ++place_;
    ++sharers_;
  }
  const bool shares = sharers_ > 1;
  std::string name, error;
  try {
    if (!shares)
      bytes_ = own_memory(bytes);
    else if (me == first)
      name = create_shared(bytes);
  } catch (const IoError& failure) {
    error = error_mark + std::string(failure.what());
  }
  // Errors travel with the names: nobody throws before all have come to the same step.
  const std::vector<std::string> names = gather(error.empty() ? name : error);
  try {
    throw_errors(names);
    if (shares) bytes_ = open_shared(names[first], bytes);
    if (!sparse) ::madvise(bytes_.data(), bytes_.size(), MADV_HUGEPAGE);  // a disc touches many pages; refused where not supported
  } catch (const IoError& failure) {
    error = error_mark + std::string(failure.what());
  }
  const std::vector<std::string> ends = gather(error);  // all have it open: its name can go
  if (!name.empty()) ::shm_unlink(name.c_str());
  try {
    throw_errors(ends);
  } catch (...) {
    if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
    throw;
  }
}

NodeMemory::~NodeMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

NodeMemory::NodeMemory(NodeMemory&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), sharers_(other.sharers_), place_(other.place_) {}

}  // namespace skyfold
