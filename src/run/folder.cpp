// The folder of a run, and what in it is skyfold's.
#include "skyfold/run/folder.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/dataset/parts.hpp"
#include "skyfold/run/lock.hpp"
#include "state.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr const char* mark_name = "skyfold-run";
constexpr std::string_view mark_text = "skyfold works in this folder and removes its own files from it (docs/robustness.md)\n";
constexpr const char* list_name = "files";
constexpr const char* products_folder = "products";  // apart from the run's own files, whatever products are called
constexpr const char* parts_folder = "parts";
constexpr std::array own_names = {"state.json", "config.ini", "journal", "trace.json"};
constexpr std::string_view scratch_ending = ".scratch", undo_ending = ".undo", packed_ending = ".packed", old_temporary_ending = ".new";

bool is_number(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos; }

/// Whether a run makes a file of this name in its folder. Those of versions that chose foreseeable names for temporary ones
/// are known, too.
bool is_own_name(std::string_view name) {
  if (is_temporary(name)) return true;
  if (name.starts_with("lock.")) return std::ranges::count(name, '.') > 1 && is_number(name.substr(name.rfind('.') + 1));
  if (name.starts_with("crash.")) return is_number(name.substr(6));
  if (name.ends_with(old_temporary_ending)) name.remove_suffix(old_temporary_ending.size());
  return std::ranges::find(own_names, name) != own_names.end();
}

std::string_view without(std::string_view name, std::string_view ending) {
  if (name.ends_with(ending)) name.remove_suffix(ending.size());
  return name;
}

bool is_product_name(std::string_view name, const std::set<std::string>& products) {
  if (is_temporary(name) || name.ends_with(scratch_ending)) return true;
  return products.contains(std::string(without(without(without(name, old_temporary_ending), undo_ending), packed_ending)));
}

bool is_scratch_name(std::string_view name) {
  if (name.starts_with("failed.")) name.remove_prefix(7);  // of versions that kept the results of parts in files of their own
  return is_temporary(name) || is_number(without(without(name, old_temporary_ending), undo_ending)) ||
         without(name, old_temporary_ending) == "duplicates";
}

struct stat status_of(const std::string& path) {
  struct stat status = {};
  if (lstat(path.c_str(), &status) != 0) status.st_mode = 0;
  return status;
}
bool is_there(const std::string& path) { return status_of(path).st_mode != 0; }
bool is_file(const std::string& path) { return S_ISREG(status_of(path).st_mode); }
bool is_folder(const std::string& path) { return S_ISDIR(status_of(path).st_mode); }

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw IoError(fmt::format("{}: {} (skyfold works in a folder of that name: move it away, or choose another output)", path, why));
}

/// Pipes would stop a run for ever, links would lead it elsewhere.
void check_contents(const std::string& folder) {
  for (const std::string& name : names_in(folder)) {
    const std::string path = folder + "/" + name;
    if (is_folder(path))
      check_contents(path);
    else if (is_there(path) && !is_file(path))
      refuse(path, "is a link, a pipe or a device, which skyfold has not made");
  }
}

/// Older versions left no mark, but their state.
bool is_older_run(const std::string& folder) {
  try {
    return read_run_state(folder + "/state.json").has_value();
  } catch (const Error&) {
    return false;
  }
}

/// Throws unless `path`, which is there, is a folder for this user's runs.
void check_is_ours(const std::string& path) {
  const struct stat status = status_of(path);
  if (status.st_mode == 0) return;  // another run has ended and taken it away
  if (S_ISLNK(status.st_mode)) refuse(path, "is a link");
  if (!S_ISDIR(status.st_mode)) refuse(path, "is a file");
  if (status.st_uid != geteuid()) refuse(path, fmt::format("belongs to another user (number {})", status.st_uid));
  if (is_file(path + "/" + mark_name)) return check_contents(path);
  if (!is_older_run(path)) refuse(path, fmt::format("is not skyfold's (no file {} in it)", mark_name));
  check_contents(path);
}

/// Makes a folder with its mark in one step, so that a death leaves none without; nothing if somebody was quicker.
void make_folder(const std::string& path) {
  std::string prepared;
  try {
    prepared = make_temporary_folder(folder_of(path));
  } catch (const IoError& error) {
    throw IoError(fmt::format("{}: cannot be made ({})", path, error.what()));
  }
  const std::string mark = prepared + "/" + mark_name;
  try {
    write_durably(mark, mark_text);
    // Renaming a folder over an empty one succeeds, over a full one it fails: somebody was quicker, and theirs is as good.
    if (rename(prepared.c_str(), path.c_str()) != 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
      throw IoError(fmt::format("{}: {}", path, std::strerror(errno)));
  } catch (...) {
    unlink(mark.c_str());
    rmdir(prepared.c_str());
    throw;
  }
  // The rename has failed as somebody was quicker: what was prepared is taken away again.
  if (!is_there(prepared)) return;
  unlink(mark.c_str());
  rmdir(prepared.c_str());
}

/// Afterwards the folder is there, and this user's.
void take_folder(const std::string& path) {
  if (!is_there(path)) make_folder(path);
  check_is_ours(path);
  if (is_folder(path) && !is_file(path + "/" + mark_name)) write_durably(path + "/" + mark_name, mark_text);  // of an older version
}

/// File name of a product, the same for a link and its target.
// Only the file name: products of several folders lie in one, which is why no two may have the same name (check_outputs).
std::string partial_name(const std::string& final_path) {
  return fs::path(final_path.ends_with(scratch_ending) ? final_path : link_target(final_path)).filename().string();
}

std::set<std::string> listed_names(const std::string& folder) {
  // Two sources: the list, and the state for runs of versions that kept no list.
  std::set<std::string> names;
  try {
    const auto json = with_texts(nlohmann::json::parse(read_small_file(folder + "/" + list_name)), bytes_of_reversible);
    for (const auto& name : json) names.insert(name.get<std::string>());
  } catch (const nlohmann::json::exception&) {  // none yet
  }
  try {
    if (const auto state = read_run_state(folder + "/state.json")) {
      for (const std::string& path : state->declared) names.insert(fs::path(path).filename().string());
      for (const ProductState& product : state->products) names.insert(fs::path(product.path).filename().string());
    }
  } catch (const Error&) {  // who needs the state says what is wrong with it
  }
  return names;
}

}  // namespace

std::string run_path(const std::string& output) { return link_target(output) + ".run"; }

std::string partial_path(const std::string& output, const std::string& final_path) {
  return (fs::path(run_path(output)) / products_folder / partial_name(final_path)).string();
}

std::string packed_path(const std::string& output, const std::string& final_path) {
  return partial_path(output, final_path).append(packed_ending);
}

std::string finished_path(const std::string& output, const std::string& final_path) {
  const std::string packed = packed_path(output, final_path);
  return is_there(packed) ? packed : partial_path(output, final_path);
}

std::string holder_of(const std::string& output) { return lock_holder(run_path(output)); }

void check_run_folder(const std::string& output) {
  if (is_there(run_path(output))) check_is_ours(run_path(output));
}

void require_no_unfinished_run(const std::string& output) {
  const auto state = read_run_state(run_path(output) + "/state.json");
  if (state && state->phase != "done")
    throw UsageError(fmt::format("{}: an unfinished run of {} is there, whose work would be lost (finish it, or remove {})", output,
                                 state->command, run_path(output)));
}

namespace {

/// Removes the files of a folder that `is_own` knows by name; and the folder, if nothing is left in it.
template <class IsOwn>
void remove_own_files(const std::string& path, const IsOwn& is_own) {
  if (!is_folder(path)) return;
  // By name, and files alone: a file of the user's that got here by mistake stays.
  for (const std::string& name : names_in(path))
    if (is_own(name) && is_file(path + "/" + name)) remove_file(path + "/" + name);
  rmdir(path.c_str());
}

void make_folder_if_missing(const std::string& path) {
  if (mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) throw IoError(fmt::format("{}: {}", path, std::strerror(errno)));
}

}  // namespace

void remove_scratch_folder(const std::string& path) { remove_own_files(path, is_scratch_name); }

RunFolder::RunFolder(const std::string& output, const std::vector<std::string>& products) : output_(output), path_(run_path(output)) {
  check_outputs({output}, {});
  for (int tries = 0; !lock_; ++tries) {
    take_folder(path_);
    try {
      // The folder may go between taking and locking it, when its last run ends: then it is made again.
      lock_ = std::make_unique<RunLock>(path_, output);
    } catch (const IoError&) {
      if (is_there(path_) || tries > 10) throw;  // else the run that had it ended and took it away
    }
  }
  make_folder_if_missing(file(products_folder));
  names_ = listed_names(path_);
  declare(products);
}

/// The list is on the disk before any of the files is.
void RunFolder::declare(const std::vector<std::string>& products) {
  // Names add up over attempts: a product that is no longer asked for is still to be cleared.
  const std::size_t before = names_.size();
  for (const std::string& path : products) names_.insert(partial_name(path));
  if (names_.size() != before || !is_file(file(list_name)))
    write_durably(file(list_name), with_texts(nlohmann::json(names_), reversible_utf8).dump(2) + "\n");
}

RunFolder::~RunFolder() {
  try {
    // Only the holder clears: another run may have taken the folder over.
    if (!is_kept_ && lock_->is_held()) {
      clear();
      for (const char* name : {list_name, mark_name}) remove_file(file(name));
    }
    rmdir(file(products_folder).c_str());  // if nothing is in it
  } catch (const std::exception& error) {
    log_warning(error.what());
  }
  // Before the folder is removed: the lock is a file in it.
  lock_.reset();
  if (!is_kept_) rmdir(path_.c_str());
}

void RunFolder::clear(bool keeps_parts) {
  remove_file(file("state.json"));  // first: without it the rest is nobody's work
  sync_path(path_);
  for (const std::string& name : names_in(path_))
    if (is_own_name(name) && is_file(file(name))) remove_file(file(name));
  clear_products(false, keeps_parts);
  tell_foreign(keeps_parts);
}

std::string parts_path(const std::string& output, const std::string& name) {
  return fmt::format("{}/{}/{}", run_path(output), parts_folder, name);
}

void RunFolder::make_parts(const std::string& name, bool anew) {
  const std::string path = parts_path(output_, name);
  if (anew) remove_own_files(path, is_parts_file);
  make_folder_if_missing(file(parts_folder));
  make_folder_if_missing(path);
}

void RunFolder::clear_parts() {
  const std::string folder = file(parts_folder);
  if (!is_folder(folder)) return;
  for (const std::string& name : names_in(folder)) remove_own_files(folder + "/" + name, is_parts_file);
  rmdir(folder.c_str());  // if nothing is in it
}

void RunFolder::clear_products(bool keeps_scratch, bool keeps_parts) {
  if (!keeps_scratch && !keeps_parts) clear_parts();
  const std::string folder = file(products_folder) + "/";
  for (const std::string& name : names_in(folder)) {
    if (!is_product_name(name, names_)) continue;
    // Scratch of a run with failed partitions: who repeats it goes on from there.
    if (keeps_scratch && name.ends_with(scratch_ending)) continue;
    if (is_file(folder + name))
      remove_file(folder + name);
    else if (names_.contains(name) && is_folder(folder + name))
      fs::remove_all(folder + name);  // a product that is a folder, in which nothing but files of ours can be: check_contents
    else if (name.ends_with(scratch_ending))
      remove_scratch_folder(folder + name);
  }
}

/// What is not skyfold's stays, so the folder does, too.
void RunFolder::tell_foreign(bool keeps_parts) {
  std::vector<std::string> foreign;
  for (const std::string& name : names_in(path_))
    if (!is_own_name(name) && name != "lock" && name != list_name && name != mark_name && name != products_folder && name != parts_folder)
      foreign.push_back(name);
  for (const char* folder : {products_folder, parts_folder})
    if (is_folder(file(folder)) && !(keeps_parts && folder == parts_folder))
      for (const std::string& name : names_in(file(folder))) foreign.push_back(std::string(folder) + "/" + name);
  if (!foreign.empty() && !std::exchange(has_told_, true))
    log_warning(fmt::format("{}: {} {} skyfold has not made, and which {} (first: {})", path_, foreign.size(),
                            foreign.size() == 1 ? "file that" : "files that", foreign.size() == 1 ? "stays" : "stay", foreign.front()));
}

std::string RunFolder::partial(const std::string& final_path) const { return partial_path(output_, final_path); }

void RunFolder::require_lock() const {
  if (!lock_->is_held())
    throw IoError(fmt::format("{}: another run has taken this output (its lock {} is not this run's)", output_, file("lock")));
}

}  // namespace skyfold
