// The lock of a run folder. Of a holder on this machine the system knows whether it lives (flock); of one on another
// machine all that can be seen is whether its counter moves, so that no two clocks are ever compared.
#include "skyfold/run/lock.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/process_status.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds heartbeat(5);
constexpr double dead_after_s = 60.0;      // many heartbeats: network file systems are slow
constexpr std::chrono::seconds glance(6);  // one heartbeat
constexpr std::chrono::seconds recent(90);
constexpr std::chrono::seconds orphan_patience(10);  // ranks whose mpirun was killed end within a few seconds
constexpr std::chrono::milliseconds look_interval(200);
// Of one width, so that each beat overwrites the last one and the file never shrinks under a reader.
constexpr int counter_digits = 12;

/// What there is to tell of a living process; all empty for none.
ProcessStatus living(long long pid) {
  const std::optional<ProcessStatus> status = process_status(static_cast<pid_t>(pid));
  return status && !status->is_dead() ? *status : ProcessStatus{};
}

/// Tells this start of this machine from all others, containers on it included.
std::string boot_id() { return std::string(trim(read_small_file("/proc/sys/kernel/random/boot_id"))); }

std::string process_space() {
  const std::string space = namespace_of_kind("pid");
  return space.empty() ? "-" : space;
}

/// What a lock tells: "host pid start job boot space counter"; older versions wrote the first three or four.
struct Holder {
  std::string host, start, job, boot, space;
  long long pid = 0;
};
Holder holder_in(const std::string& text) {
  const std::vector<std::string> parts = split(std::string(trim(text)), ' ');
  if (parts.size() < 3) return {};
  const auto part = [&](std::size_t i) { return parts.size() > i && parts[i] != "-" ? parts[i] : std::string(); };
  return {parts[0], parts[2], part(3), part(4), part(5), parse_integer(parts[1]).value_or(0)};
}

std::string own_record() {
  // For people: whose job to look for. Nothing is decided by it.
  const char* job = std::getenv("SLURM_JOB_ID") ? std::getenv("SLURM_JOB_ID") : std::getenv("PBS_JOBID");
  return fmt::format("{} {} {} {} {} {} ", host_name(), getpid(), living(getpid()).start, job && *job ? job : "-", boot_id(),
                     process_space());
}

std::string describe(const Holder& holder) {
  return fmt::format("{}, process {}{}", holder.host, holder.pid, holder.job.empty() ? "" : ", job " + holder.job);
}

// Host names repeat among containers and reinstalled machines; a boot id does not.
bool is_this_machine(const Holder& holder) { return holder.boot.empty() ? holder.host == host_name() : holder.boot == boot_id(); }
bool has_our_numbers(const Holder& holder) { return is_this_machine(holder) && (holder.space.empty() || holder.space == process_space()); }

/// The holder's mpirun is gone, or the holder itself and only a helper that it had started still has the file open: they end
/// within seconds, too.
bool is_ending(const Holder& holder) {
  if (!has_our_numbers(holder)) return false;
  const ProcessStatus info = living(holder.pid);
  return info.start != holder.start || (info.parent == 1 && getppid() != 1);
}

/// Whether a living process has locked the file; nothing where the file system has no such locks.
std::optional<bool> is_locked(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return false;
  const int error = flock(descriptor, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
  close(descriptor);
  if (error == 0) return false;
  if (error == EWOULDBLOCK) return true;
  return std::nullopt;
}

/// Content and time of change of the lock: both stand still when its holder is dead.
std::string sign_of_life(const std::string& path) {
  struct stat status = {};
  if (lstat(path.c_str(), &status) != 0) return "";
  return fmt::format("{} {} {}", read_small_file(path), status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

/// Whether the lock shows a sign of life within `patience`, by the clock of this process.
bool moves(const std::string& path, Clock::duration patience) {
  const std::string before = sign_of_life(path);
  for (const auto end = Clock::now() + patience; Clock::now() < end;) {
    std::this_thread::sleep_for(look_interval);
    check_stop();
    const std::string now = sign_of_life(path);
    if (now.empty()) return false;
    if (now != before) return true;
  }
  return false;
}

enum class Life { dead, alive, unknown };

/// What can be told at once.
Life life_of(const Holder& holder, const std::string& path) {
  const std::optional<bool> locked = is_locked(path);
  if (locked.value_or(false)) return Life::alive;
  // No flock and nothing to read: the file was made by a process that died before it wrote, or by hand.
  if (holder.host.empty()) return Life::dead;
  if (has_our_numbers(holder) && !holder.start.empty() && living(holder.pid).start == holder.start) return Life::alive;
  if (has_our_numbers(holder) || (locked && is_this_machine(holder))) return Life::dead;
  return Life::unknown;
}

bool is_alive(const Holder& holder, const std::string& path) {
  const Life life = life_of(holder, path);
  if (life != Life::unknown) return life == Life::alive;
  const double patience_s = lock_patience_s();
  log_info(fmt::format("{}: held by {}, another machine: watching for {:.3g} s whether it lives", path, describe(holder), patience_s));
  return moves(path, std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(patience_s)));
}

/// One process at a time takes a lock over, where the file system has flock: else two that find the same dead holder could
/// each remove the lock of the other. Ends with its process.
class Turn {
 public:
  explicit Turn(const std::string& folder) : descriptor_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (descriptor_ >= 0) (void)flock(descriptor_, LOCK_EX);
  }
  ~Turn() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  int descriptor_;
};

}  // namespace

RunLock::RunLock(const std::string& folder, const std::string& output) : path_(folder + "/lock") {
  const std::string prepared = make_temporary(folder);
  try {
    descriptor_ = open(prepared.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor_ < 0 && errno == ENOENT) throw IoError(fmt::format("{}: {}", output, held_text));  // it has just cleared the folder
    const std::string record = own_record() + std::string(counter_digits, '0') + "\n";
    File::for_update(prepared).write(0, record);
    if (descriptor_ < 0) throw IoError(fmt::format("{}: {}", path_, std::strerror(errno)));
    (void)flock(descriptor_, LOCK_EX | LOCK_NB);  // nobody else has it open
    take(prepared, output);
    unlink(prepared.c_str());
  } catch (...) {
    unlink(prepared.c_str());
    if (descriptor_ >= 0) close(descriptor_);
    throw;
  }
  heart_ = std::thread([this] { beat(); });
}

/// Gives the prepared file, which is locked already, the lock's name: it appears with its content in one step, so that
/// nobody reads half of it.
void RunLock::take(const std::string& prepared, const std::string& output) {
  const auto start = Clock::now();
  for (int takeovers = 0; takeovers < 10;) {
    if (link(prepared.c_str(), path_.c_str()) == 0) return;
    if (errno == ENOENT) throw IoError(fmt::format("{}: {}", output, held_text));  // it has just cleared the folder
    if (errno != EEXIST) throw IoError(fmt::format("{}: {}", path_, std::strerror(errno)));
    const std::string seen = read_small_file(path_);
    const Holder holder = holder_in(seen);
    if (is_alive(holder, path_)) {
      if (!is_ending(holder) || Clock::now() - start > orphan_patience)
        throw IoError(fmt::format("{}: {} ({}; if it is gone remove {})", output, held_text, describe(holder), path_));
      std::this_thread::sleep_for(look_interval);
      check_stop();
      continue;
    }
    const Turn turn(folder_of(path_));
    if (read_small_file(path_) == seen && !is_locked(path_).value_or(false)) unlink(path_.c_str());  // else somebody was quicker
    if (link(prepared.c_str(), path_.c_str()) == 0) return;
    ++takeovers;
  }
  throw IoError(fmt::format("{}: {} (it took it at the same moment)", output, held_text));
}

RunLock::~RunLock() {
  {
    const std::lock_guard guard(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  heart_.join();
  // It may be another's by now, if this process was stopped for so long that it seemed dead.
  if (is_held()) unlink(path_.c_str());
  close(descriptor_);
}

bool RunLock::is_held() const noexcept {
  struct stat ours = {}, there = {};
  return fstat(descriptor_, &ours) == 0 && lstat(path_.c_str(), &there) == 0 && ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

void RunLock::beat() {
  const auto place = static_cast<off_t>(own_record().size());
  std::unique_lock guard(mutex_);
  for (long long count = 1; !changed_.wait_for(guard, heartbeat, [this] { return ends_; }); ++count) {
    const std::string digits = fmt::format("{:0{}}", count, counter_digits);
    if (pwrite(descriptor_, digits.data(), digits.size(), place) > 0) (void)fdatasync(descriptor_);  // other machines see it then
  }
}

double lock_patience_s() {
  const char* text = std::getenv("SKYFOLD_LOCK_PATIENCE");
  const auto seconds = text ? parse_double(text) : std::nullopt;
  return seconds && *seconds >= 0.0 && *seconds < 1e6 ? *seconds : dead_after_s;
}

std::string lock_holder(const std::string& folder) {
  const std::string path = folder + "/lock";
  const Holder holder = holder_in(read_small_file(path));
  if (holder.host.empty()) return "";
  const Life life = life_of(holder, path);
  if (life == Life::dead) return "";
  if (life == Life::unknown) {
    std::error_code error;
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(path, error);
    const bool is_recent = !error && age < recent && age > -recent;
    if (!is_recent && !moves(path, glance)) return "";  // its clock may be wrong, its counter is not
  }
  return describe(holder);
}

}  // namespace skyfold
