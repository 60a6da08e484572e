// Where products may be put, and how they get their names.
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/run/placement.hpp"
#include "state.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

dev_t device_of(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 ? status.st_dev : dev_t{};
}

std::string folder_of_target(const std::string& path) { return folder_of(link_target(path)); }

/// The only folder where products may be written; "": anywhere.
std::string& only_folder() {
  static std::string folder;
  return folder;
}

/// Whether a run that is done has made this folder: then it may be asked for again, and nothing is left to do.
bool is_product_folder(const std::string& path) {
  try {
    const auto state = read_run_state(run_path(path) + "/state.json");
    return state && state->phase != "running" &&
           std::ranges::find(state->products, canonical_form(path), &ProductState::path) != state->products.end();
  } catch (const Error&) {
    return false;  // what is wrong with it is told when the run is taken up
  }
}

void check_output(const std::string& path) {
  const std::string folder = folder_of_target(path);
  std::error_code error;
  if (!only_folder().empty()) {
    const fs::path relative = fs::weakly_canonical(folder, error).lexically_relative(only_folder());
    if (relative.empty() || *relative.begin() == "..")
      throw UsageError(fmt::format("{}: lies outside {} (--products-within)", path, only_folder()));
  }
  // Now, not after hours of computing.
  if (!fs::is_directory(folder, error)) throw IoError(fmt::format("{}: no such folder (for the output {})", folder, path));
  // The folder, not the file: products are renamed into it.
  if (access(folder.c_str(), W_OK) != 0) throw IoError(fmt::format("{}: {} (for the output {})", folder, std::strerror(errno), path));
  if (fs::is_directory(path, error) && !is_product_folder(path)) throw IoError(fmt::format("{}: is a folder (the output is a file)", path));
  refuse_special_output(path);
}

bool is_one_file(const std::string& a, const std::string& b) {
  std::error_code error;
  // Names first, for files that are not there yet; then the files themselves, for hard links.
  return canonical_form(a) == canonical_form(b) || (fs::exists(a, error) && fs::exists(b, error) && fs::equivalent(a, b, error));
}

}  // namespace

void restrict_products(const std::string& folder) {
  std::error_code error;
  only_folder() = folder.empty() ? "" : fs::weakly_canonical(fs::absolute(folder, error), error).string();
}

ProductsAnywhere::ProductsAnywhere() : before_(only_folder()) { only_folder().clear(); }
ProductsAnywhere::~ProductsAnywhere() { only_folder() = before_; }

void check_outputs(const std::vector<std::string>& paths, const std::vector<std::string>& inputs) {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    check_output(paths[i]);
    for (const std::string& input : inputs)
      if (std::error_code error; fs::exists(input_file(input), error) && is_one_file(input_file(input), paths[i]))
        throw UsageError(fmt::format("{} is both input and output", input));
    for (std::size_t k = 0; k < i; ++k) {  // in the run folder they stand side by side
      if (is_one_file(paths[k], paths[i])) throw UsageError(fmt::format("{} and {} are two products, but one file", paths[k], paths[i]));
      if (fs::path(link_target(paths[k])).filename() == fs::path(link_target(paths[i])).filename())
        throw UsageError(fmt::format("{} and {} are two products with one file name", paths[k], paths[i]));
    }
    // Publishing is renaming, which is atomic within a file system only.
    if (device_of(folder_of_target(paths[i])) != device_of(folder_of_target(paths[0])))
      throw UsageError(fmt::format("{} and {} are on different file systems (all products of a run must be on one)", paths[0], paths[i]));
  }
}

void check_replaceable(const std::vector<std::string>& paths) {
  constexpr fs::perms write_bits = fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write;
  for (const std::string& path : paths) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_directory(status)) throw UsageError(fmt::format("{}: is there, and folders are not replaced (move it away)", path));
    // Renaming asks for rights on the folder alone, so the system would let us replace a file that was made read-only on purpose.
    if (fs::is_regular_file(status) && (status.permissions() & write_bits) == fs::perms::none)
      throw UsageError(
          fmt::format("{}: is read-only, as saved products are, and would be replaced (skyfold products save --undo {})", path, path));
  }
}

void publish_products(const std::string& output, const std::vector<std::string>& final_paths, bool was_interrupted) {
  for (const std::string& path : final_paths)  // one step each: what is at the partial path is whole at any moment
    if (const std::string from = finished_path(output, path); from != partial_path(output, path)) {
      sync_path(from);
      put_in_place(from, partial_path(output, path));
      fault_point("packed one");
    }
  std::vector<std::string> ordered = final_paths;
  // The main product comes last: once it is there, all the others are.
  std::stable_partition(ordered.begin(), ordered.end(), [&](const std::string& path) { return path != output; });
  if (was_interrupted)
    // The attempt before was interrupted here: what has its name already is done.
    std::erase_if(ordered, [&](const std::string& path) { return !fs::exists(partial_path(output, path)) && fs::exists(path); });
  // All are on the disk before the first one gets its name.
  for (const std::string& path : ordered) sync_path(partial_path(output, path));
  for (const std::string& path : ordered) {
    put_in_place(partial_path(output, path), path);
    fault_point("renamed one");
  }
  for (const std::string& path : ordered) sync_path(folder_of_target(path));
}

}  // namespace skyfold
