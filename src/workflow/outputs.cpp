// Products of tasks get their final names in two steps: the journal says that they are whole and where they go, then they are moved. A
// death in between leaves the folder of the attempt, from which the next owner moves them.
#include "outputs.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <system_error>

#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/content.hpp"

namespace skyfold::workflow {
namespace {

namespace fs = std::filesystem;

/// FOLDER/PATH, unless the path is absolute.
std::string at(const std::string& folder, const std::string& path) { return (fs::path(folder) / path).lexically_normal().string(); }

/// A path below a folder as relative to it; as it is elsewhere.
std::string relative_to(const std::string& folder, const std::string& path) {
  const std::string relative = fs::path(path).lexically_relative(folder).string();
  return relative.empty() || relative.starts_with("..") ? path : relative;
}

bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

/// Folder of a task's products, absolute.
std::string products_folder(const PipelineFile& file, const Node& task, const Keys& keys) {
  return task.outputs.empty() ? file.home() + "/" + task.name : at(file.folder, filled(task.outputs, keys));
}

}  // namespace

void Products::learn(const EndRecord& end) {
  for (const OutputFile& output : end.outputs) own_.insert(output.path);
}

std::string Products::scratch(std::int64_t job, int attempt) const { return fmt::format("{}/scratch/{}.{}", file_.home(), job, attempt); }

void Products::name(EndRecord& end, const Node& task, const JobRecord& job, int attempt) const {
  const std::string folder = products_folder(file_, task, job.keys), from = scratch(job.id, attempt);
  end.folder = relative_to(file_.folder, folder);
  for (OutputFile& output : end.outputs) {
    const std::string path = at(folder, output.path);
    output.path = relative_to(file_.folder, path);
    if (is_there(path) && !own_.contains(output.path))
      throw DataError(
          fmt::format("{}: is there and was not made by this pipeline (move it away, or give the task another 'outputs')", path));
  }
  for (EventRecord& event : end.events)
    for (auto& [key, value] : event.keys)
      if (value.starts_with(from + "/")) value = relative_to(file_.folder, at(folder, value.substr(from.size() + 1)));
}

void Products::move(const EndRecord& end) const {
  const std::string from = scratch(end.job, end.attempt);
  if (!is_there(from)) return;
  for (const OutputFile& output : end.outputs) {
    const std::string source = at(from, relative_to(end.folder, output.path));
    if (!is_there(source)) continue;  // moved before a death
    const std::string target = at(file_.folder, output.path);
    fs::create_directories(folder_of(target));
    put_in_place(source, target);
    fault_point("pipeline-moved-one");
  }
  forget(end.job, end.attempt);
}

void Products::forget(std::int64_t job, int attempt) const {
  std::error_code error;
  fs::remove_all(scratch(job, attempt), error);
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
      const std::string path = at(file_.folder, output.path);
      if (wanted.contains(output.path) || !is_there(path) || file_hash(path) != output.hash) continue;
      fs::remove(path);
      ++removed;
    }
  }
  return removed;
}

}  // namespace skyfold::workflow
