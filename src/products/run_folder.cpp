#include "skyfold/products/run_folder.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>

#include "skyfold/core/error.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr const char* products_folder = "products";   // apart from the run's own files, whatever products are called
constexpr std::chrono::seconds heartbeat(5);
constexpr std::chrono::seconds dead_after(90);           // many heartbeats: clocks and network file systems are slow
constexpr std::chrono::seconds orphan_patience(10);      // ranks whose mpirun was killed end within a few seconds

std::string read_text(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// When a process began, in clock ticks since the machine did, and its parent: tells a process from a later one with the
/// same number. "" when there is none.
struct ProcessInfo {
  std::string start;
  long long parent = 0;
};
ProcessInfo process_info(long long pid) {
  const std::string text = read_text(fmt::format("/proc/{}/stat", pid));
  const std::size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) return {};
  const std::vector<std::string> fields = split(text.substr(name_end + 2), ' ');
  if (fields.size() < 20 || fields[0] == "Z") return {};
  return {fields[19], parse_integer(fields[1]).value_or(0)};
}

/// Who holds a lock: "host pid start job".
struct Holder {
  std::string host, start, job;
  long long pid = 0;
};
Holder read_holder(const fs::path& path) {
  const std::vector<std::string> parts = split(std::string(trim(read_text(path))), ' ');
  if (parts.size() < 3) return {};
  return {parts[0], parts[2], parts.size() > 3 ? parts[3] : "", parse_integer(parts[1]).value_or(0)};
}

bool is_alive(const Holder& holder, const fs::path& path) {
  if (holder.host.empty()) return false;
  if (holder.host == host_name()) return process_info(holder.pid).start == holder.start && !holder.start.empty();
  std::error_code error;  // another host: all that can be seen is whether its heart beats
  const auto beat = fs::last_write_time(path, error);
  return !error && fs::file_time_type::clock::now() - beat < dead_after;
}

std::string describe(const Holder& holder) {
  return fmt::format("{}, process {}{}", holder.host, holder.pid, holder.job.empty() ? "" : ", job " + holder.job);
}

/// The holder's mpirun is gone: it will end within seconds, too.
bool is_orphan(const Holder& holder) {
  const long long parent = process_info(holder.pid).parent;
  return holder.host == host_name() && parent == 1 && getppid() != 1;
}

/// One process at a time looks at a lock and takes it over, where the file system has flock: else two that find the same
/// dead holder could each remove the lock of the other. Ends with its process.
class Turn {
 public:
  explicit Turn(const fs::path& folder) : descriptor_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
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

/// Takes the lock file, or takes it over from a run that has died. The file appears with its content in one step, so that
/// nobody reads half of it.
void lock(const fs::path& path, const std::string& output) {
  const char* job = std::getenv("SLURM_JOB_ID") ? std::getenv("SLURM_JOB_ID") : std::getenv("PBS_JOBID");
  const fs::path prepared = path.string() + fmt::format(".{}.{}", host_name(), getpid());
  std::ofstream written(prepared);
  written << fmt::format("{} {} {} {}", host_name(), getpid(), process_info(getpid()).start, job ? job : "") << std::flush;
  if (!written) throw IoError(prepared.string() + ": cannot write (disk full?)");
  const auto start = std::chrono::steady_clock::now();
  for (int takeovers = 0; takeovers < 3;) {
    std::optional<Turn> turn(std::in_place, path.parent_path());
    const int error = link(prepared.c_str(), path.c_str()) == 0 ? 0 : errno;
    const Holder holder = read_holder(path);
    const bool is_held = error == EEXIST && is_alive(holder, path);
    if (is_held && is_orphan(holder) && std::chrono::steady_clock::now() - start < orphan_patience) {
      turn.reset();
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      continue;
    }
    if (error != EEXIST || is_held) fs::remove(prepared);
    if (error == 0) return;
    if (error != EEXIST) throw IoError(fmt::format("{}: {}", path.string(), std::strerror(error)));
    if (is_held)
      throw IoError(fmt::format("{}: another run is writing this output ({}; if it is gone remove {})", output, describe(holder), path.string()));
    fs::remove(path);
    ++takeovers;
  }
  fs::remove(prepared);
  throw IoError(output + ": another run took this output at the same moment");
}

fs::path folder_of(const std::string& path) {
  return fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
}

dev_t device_of(const fs::path& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 ? status.st_dev : dev_t{};
}

void check_output(const std::string& path) {
  const fs::path folder = folder_of(path);
  if (!fs::is_directory(folder)) throw IoError(fmt::format("{}: no such folder (for the output {})", folder.string(), path));
  if (access(folder.c_str(), W_OK) != 0)
    throw IoError(fmt::format("{}: {} (for the output {})", folder.string(), std::strerror(errno), path));
  if (fs::is_directory(path)) throw IoError(fmt::format("{}: is a folder (the output is a file)", path));
}

}  // namespace

std::string run_path(const std::string& output) { return output + ".run"; }

std::string partial_path(const std::string& output, const std::string& final_path) {
  return (fs::path(run_path(output)) / products_folder / fs::path(final_path).filename()).string();
}

void check_outputs(const std::vector<std::string>& paths, const std::vector<std::string>& inputs) {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    check_output(paths[i]);
    for (const std::string& input : inputs)
      if (fs::exists(input) && fs::exists(paths[i]) && fs::equivalent(input, paths[i]))
        throw UsageError(fmt::format("{} is both input and output", input));
    for (std::size_t k = 0; k < i; ++k)  // in the run folder they stand side by side
      if (fs::path(paths[k]).filename() == fs::path(paths[i]).filename())
        throw UsageError(fmt::format("{} and {} are two products with one file name", paths[k], paths[i]));
    if (device_of(folder_of(paths[i])) != device_of(folder_of(paths[0])))
      throw UsageError(fmt::format("{} and {} are on different file systems (all products of a run must be on one)", paths[0], paths[i]));
  }
}

void check_replaceable(const std::vector<std::string>& paths) {
  constexpr fs::perms write_bits = fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write;
  for (const std::string& path : paths) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_regular_file(status) && (status.permissions() & write_bits) == fs::perms::none)
      throw UsageError(fmt::format("{}: is read-only, as saved products are, and would be replaced (skyfold products save --undo {})", path, path));
  }
}

std::string holder_of(const std::string& output) {
  const fs::path path = fs::path(run_path(output)) / "lock";
  const Holder holder = read_holder(path);
  return is_alive(holder, path) ? describe(holder) : "";
}

RunFolder::RunFolder(const std::string& output) : output_(output), path_(run_path(output)) {
  check_output(output);
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) throw IoError(fmt::format("{}: {}", path_, error.message()));
  lock(file("lock"), output);
  fs::create_directories(file(products_folder), error);
  if (error) throw IoError(fmt::format("{}: {}", path_, error.message()));
  heart_ = std::thread([this] { beat(); });
}

RunFolder::~RunFolder() {
  {
    const std::lock_guard guard(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  heart_.join();
  std::error_code ignored;
  if (!is_kept_) fs::remove_all(path_, ignored);
  else fs::remove(file("lock"), ignored);
  if (is_kept_) fs::remove(file(products_folder), ignored);  // if nothing is in it
}

void RunFolder::beat() {
  std::unique_lock guard(mutex_);
  while (!changed_.wait_for(guard, heartbeat, [this] { return ends_; })) utimensat(AT_FDCWD, file("lock").c_str(), nullptr, 0);
}

void RunFolder::clear() {
  fs::remove(file("state.json"));  // first: without it the rest is nobody's work
  sync_path(path_);
  for (const auto& entry : fs::directory_iterator(path_))
    if (entry.path().filename() != "lock") fs::remove_all(entry.path());
  fs::create_directory(file(products_folder));
}

std::string RunFolder::partial(const std::string& final_path) const { return partial_path(output_, final_path); }

void publish_products(const std::string& output, const std::vector<std::string>& final_paths, bool was_interrupted) {
  std::vector<std::string> ordered = final_paths;
  std::stable_partition(ordered.begin(), ordered.end(), [&](const std::string& path) { return path != output; });
  if (was_interrupted) std::erase_if(ordered, [&](const std::string& path) { return !fs::exists(partial_path(output, path)) && fs::exists(path); });
  for (const std::string& path : ordered) sync_path(partial_path(output, path));
  for (const std::string& path : ordered) {
    std::error_code error;
    fs::rename(partial_path(output, path), path, error);
    if (error) throw IoError(fmt::format("{}: {}", path, error.message()));
    fault_point("renamed one");
  }
  for (const std::string& path : ordered) sync_path(folder_of(path).string());
}

void sync_path(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (!synced) throw IoError(fmt::format("{}: {}", path, std::strerror(error)));
}

void write_durably(const std::string& path, const std::string& text) {
  const std::string prepared = path + ".new";
  std::ofstream file(prepared, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) {
    std::error_code ignored;
    fs::remove(prepared, ignored);
    throw IoError(prepared + ": cannot write (disk full?)");
  }
  sync_path(prepared);
  std::error_code error;
  fs::rename(prepared, path, error);
  if (error) throw IoError(fmt::format("{}: {}", path, error.message()));
  sync_path(folder_of(path).string());
}

}  // namespace skyfold
