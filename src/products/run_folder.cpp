#include "skyfold/products/run_folder.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/fits_product.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr int records_per_sync = 32;
constexpr const char* products_folder = "products";   // apart from the run's own files, whatever products are called

std::string run_path(const std::string& output) { return output + ".run"; }

std::string host_name() {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  return host;
}

/// Who holds a lock: "host pid".
bool is_alive(const std::string& holder) {
  const std::vector<std::string> parts = split(holder, ' ');
  if (parts.size() != 2 || parts[0] != host_name()) return parts.size() == 2;  // another host: cannot tell, so yes
  const auto pid = parse_integer(parts[1]);
  return pid && (kill(static_cast<pid_t>(*pid), 0) == 0 || errno == EPERM);
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Takes the lock file, or takes it over from a run that has died. The file appears with its content in one step, so that
/// nobody reads half of it.
void lock(const fs::path& path, const std::string& output) {
  const fs::path prepared = path.string() + fmt::format(".{}.{}", host_name(), getpid());
  std::ofstream(prepared) << fmt::format("{} {}", host_name(), getpid());
  for (int attempt = 0; attempt < 2; ++attempt) {
    const int error = link(prepared.c_str(), path.c_str()) == 0 ? 0 : errno;
    if (error == 0) {
      fs::remove(prepared);
      return;
    }
    const std::string holder(trim(read_text(path)));
    if (error != EEXIST || is_alive(holder)) {
      fs::remove(prepared);
      if (error != EEXIST) throw IoError(fmt::format("{}: {}", path.string(), std::strerror(error)));
      throw IoError(fmt::format("{}: another run is writing this output (host and process {}; if it is gone remove {})",
                                output, holder, path.string()));
    }
    fs::remove(path);
  }
  fs::remove(prepared);
  throw IoError(output + ": another run took this output at the same moment");
}

void sync_path(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (!synced) throw IoError(fmt::format("{}: {}", path, std::strerror(error)));
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

RunFolder::RunFolder(const std::string& output, const std::string& config) : output_(output), path_(run_path(output)) {
  check_output(output);
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) throw IoError(fmt::format("{}: {}", path_, error.message()));
  const fs::path lock_path = fs::path(path_) / "lock";
  lock(lock_path, output);
  for (const auto& entry : fs::directory_iterator(path_))
    if (entry.path() != lock_path) fs::remove_all(entry.path());
  fs::create_directory(fs::path(path_) / products_folder);
  std::ofstream(fs::path(path_) / "config.ini") << config;
}

RunFolder::~RunFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string RunFolder::partial(const std::string& final_path) const { return partial_path(output_, final_path); }

void RunFolder::publish(const std::vector<std::string>& final_paths) {
  std::vector<std::string> ordered = final_paths;
  std::stable_partition(ordered.begin(), ordered.end(), [&](const std::string& path) { return path != output_; });
  for (const std::string& path : ordered) sync_path(partial(path));
  for (const std::string& path : ordered) {
    std::error_code error;
    fs::rename(partial(path), path, error);
    if (error) throw IoError(fmt::format("{}: {}", path, error.message()));
  }
  for (const std::string& path : ordered) sync_path(folder_of(path).string());
}

struct RunLog::Display {
  Progress progress;
};

RunLog::RunLog(const std::string& journal_path, const std::string& title, std::int64_t rows, const std::string& unit)
    : journal_(journal_path.empty() ? nullptr : std::make_unique<Journal>(journal_path)),
      display_(new Display{{title, rows, unit}}) {}

RunLog::~RunLog() = default;

void RunLog::started(const Job& job, int attempt, int rank) {
  if (!journal_) return;
  JournalRecord record;
  record.rows = job.rows;
  record.first_partition = job.first_partition;
  record.partition_count = job.partition_count;
  record.attempt = attempt;
  record.rank = rank;
  journal_->append(record);
}

void RunLog::finished(const JobOutcome& outcome) {
  if (outcome.succeeded) {
    rows_done_ += outcome.job.rows.size();
    fits_sum_ = add_fits_sums(fits_sum_, static_cast<std::uint32_t>(outcome.result.fits_sum));
  }
  display_->progress.update(rows_done_);
  if (!journal_) return;
  JournalRecord record;
  record.rows = outcome.job.rows;
  record.first_partition = outcome.job.first_partition;
  record.partition_count = outcome.job.partition_count;
  record.state = outcome.succeeded ? RangeState::done : RangeState::failed;
  record.attempt = outcome.attempt;
  record.rank = outcome.rank;
  record.rows_written = outcome.result.rows;
  record.rows_checksum = outcome.result.checksum;
  record.fits_sum = outcome.result.fits_sum;
  record.read_s = outcome.read_s;
  record.compute_s = outcome.compute_s;
  record.write_s = outcome.write_s;
  std::strncpy(record.message, outcome.message.c_str(), sizeof record.message - 1);
  journal_->append(record);
  if (++unsynced_ < records_per_sync) return;
  journal_->sync();
  unsynced_ = 0;
}

}  // namespace skyfold
