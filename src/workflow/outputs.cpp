// Products of tasks get their final names in two steps: the journal says that they are whole and where they go, then they are moved. A
// death in between leaves the folder of the attempt, from which the next owner moves them.
#include "outputs.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "job_files.hpp"
#include "orders.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/content.hpp"
#include "step_options.hpp"

namespace skyfold::workflow {
namespace {

namespace fs = std::filesystem;

bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

/// With those above it.
void make_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw IoError(fmt::format("{}: the folder of products cannot be made: {}", one_line(folder), error.message()));
}

void require_writable_folder(const std::string& folder) {
  make_folder(folder);
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    throw IoError(fmt::format("{}: products cannot be written there: {}", one_line(folder), std::strerror(errno)));
}

/// Folder of a task's products, absolute.
std::string products_folder(const PipelineFile& file, const Node& task, const Keys& keys) {
  return task.outputs.empty() ? file.home() + "/" + task.name : absolute_path(file.folder, filled(task.outputs, keys));
}

/// What cannot be moved must not be recorded as made.
void require_no_file_above(const std::string& path) {
  for (fs::path folder = fs::path(path).parent_path(); folder.has_relative_path(); folder = folder.parent_path())
    if (is_there(folder.string())) {
      if (fs::is_directory(folder)) return;
      throw DataError(fmt::format("{}: cannot be there, since {} is no folder", path, folder.string()));
    }
}

/// Gives a whole file its final name, which may be in another file system.
void move_file(const std::string& source, const std::string& target) {
  const std::string folder = folder_of(target);
  make_folder(folder);
  struct stat from = {}, to = {};
  if (stat(source.c_str(), &from) != 0 || stat(folder.c_str(), &to) != 0 || from.st_dev == to.st_dev) return put_in_place(source, target);
  const std::string copy = make_temporary(folder);
  try {
    fs::copy_file(source, copy, fs::copy_options::overwrite_existing);
    fs::permissions(copy, fs::perms(from.st_mode) & fs::perms::mask);
    sync_path(copy);  // it outlives the source
    put_in_place(copy, target);
  } catch (...) {
    unlink(copy.c_str());
    throw;
  }
  fs::remove(source);
}

}  // namespace

void Products::learn(const EndRecord& end) {
  for (const OutputFile& output : end.outputs) own_.insert(output.path);
}

void Products::name(EndRecord& end, const Node& task, const JobRecord& job, int attempt) const {
  const std::string folder = products_folder(file_, task, job.keys), from = attempt_folder(file_.home(), job.id, attempt);
  end.folder = path_from(file_.folder, folder);
  for (OutputFile& output : end.outputs) {
    const std::string path = absolute_path(folder, output.path);
    output.path = path_from(file_.folder, path);
    require_no_file_above(path);
    if (is_there(path) && !own_.contains(output.path))
      throw DataError(
          fmt::format("{}: is there and was not made by this pipeline (move it away, or give the task another 'outputs')", path));
    require_writable_folder(folder_of(path));
  }
  for (EventRecord& event : end.events)
    for (auto& [key, value] : event.keys) {
      if (value == from) value = end.folder;
      if (value.starts_with(from + "/")) value = path_from(file_.folder, absolute_path(folder, value.substr(from.size() + 1)));
    }
}

void Products::move(const EndRecord& end) const {
  const std::string from = attempt_folder(file_.home(), end.job, end.attempt);
  std::string gone;
  for (const OutputFile& output : end.outputs) {
    const std::string source = absolute_path(from, path_from(end.folder, output.path));
    const std::string target = absolute_path(file_.folder, output.path);
    if (is_there(source)) {
      move_file(source, target);
      fault_point("pipeline-moved-one");
    } else if (!is_there(target)) {  // else it was moved before a death
      gone = source;
    }
  }
  forget(end.job, end.attempt);
  if (!gone.empty()) throw IoError(fmt::format("{}: has gone before it was moved to its final name (retry its job)", gone));
}

void Products::forget(std::int64_t job, int attempt) const {
  const std::string folder = attempt_folder(file_.home(), job, attempt);
  std::error_code error;
  fs::remove_all(folder, error);
  fs::remove_all(events_path(folder), error);
}

void Products::settle(const PipelineState& state) const {
  for (const std::string& name : names_in(file_.home() + "/scratch")) {
    const std::vector<std::string> parts = split(name, '.');
    const auto job = state.jobs().find(parts.empty() ? 0 : parse_integer(parts[0]).value_or(0));
    if (job != state.jobs().end() && job->second.is_valid && job->second.state == "completed" &&
        name == fmt::format("{}.{}", job->first, job->second.ends.back().attempt))
      move(job->second.ends.back());
    std::error_code error;
    fs::remove_all(file_.home() + "/scratch/" + name, error);
  }
}

std::int64_t Products::remove_stale(const PipelineState& state) const {
  std::set<std::string> wanted;
  for (const auto& [id, job] : state.jobs())
    if (job.is_valid && !job.ends.empty())
      for (const OutputFile& output : job.ends.back().outputs) wanted.insert(output.path);
  std::int64_t removed = 0;
  for (const auto& [id, job] : state.jobs()) {
    const Node* node = file_.node(job.record.node);
    if (job.is_valid || job.ends.empty() || (node && node->is_step)) continue;
    for (const OutputFile& output : job.ends.back().outputs) {
      const std::string path = absolute_path(file_.folder, output.path);
      if (wanted.contains(output.path) || !is_there(path) || file_hash(path) != output.hash) continue;
      fs::remove(path);
      ++removed;
    }
  }
  return removed;
}

}  // namespace skyfold::workflow
