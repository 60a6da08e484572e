// Which files are estimated when a folder, a pattern or a list is named, and what their products are called.
#include "folder_files.hpp"

#include <fmt/core.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// Endings of tables in a folder. What else may be a table (.txt, .xml) is as often none: a pattern or a list names it.
constexpr std::array table_endings = {".fits", ".fit", ".fts", ".parquet", ".parq", ".pq",  ".h5",      ".hdf5",
                                      ".hdf",  ".csv", ".tsv", ".ecsv",    ".cat",  ".dat", ".votable", ".vot"};
constexpr std::array other_endings = {".txt", ".tbl", ".xml"};

template <class Endings>
bool is_among(const Endings& endings, const std::string& ending) {
  return std::ranges::find(endings, ending) != endings.end();
}

fs::path without_packing(const fs::path& path) {
  const std::string ending = lower(path.extension().string());
  return ending == ".gz" || ending == ".fz" ? fs::path(path).replace_extension() : path;
}

bool is_table_name(const fs::path& path) { return is_among(table_endings, lower(without_packing(path).extension().string())); }

/// The place without what tells of the format; an ending that is not known is a part of the name.
std::string stem_of(const std::string& place) {
  const fs::path plain = without_packing(place);
  const std::string ending = lower(plain.extension().string());
  return is_among(table_endings, ending) || is_among(other_endings, ending) ? fs::path(plain).replace_extension().string() : plain.string();
}

/// All files of a folder and of those below it; links are followed, but into no folder twice.
void walk(const fs::path& folder, const fs::path& place, std::set<fs::path>& visited, FolderListing& listing) {
  if (!visited.insert(fs::canonical(folder)).second) return;
  for (const std::string& name : names_in(folder.string())) {
    // By custom these are no tables: _metadata, .nfs0001.
    if (name.starts_with('.') || name.starts_with('_')) continue;
    const fs::path path = folder / name;
    std::error_code error;
    if (fs::is_directory(path, error))
      walk(path, place / name, visited, listing);
    else if (is_table_name(path))
      listing.files.push_back({path.string(), (place / name).string(), ""});
    else
      listing.left_out.push_back((place / name).string());
  }
}

FolderListing of_folder(const std::string& folder) {
  FolderListing listing{folder, true, {}, {}};
  std::set<fs::path> visited;
  walk(folder, "", visited, listing);
  if (listing.files.empty())
    throw UsageError(fmt::format("{}: has no tables{}", folder,
                                 listing.left_out.empty()
                                     ? ""
                                     : fmt::format(" by the endings of its {} files (first: {}; a pattern or a list names any file)",
                                                   grouped(std::ssize(listing.left_out)), listing.left_out.front())));
  return listing;
}

/// The folder of a pattern that no wildcard is in.
fs::path fixed_part(const std::string& pattern) {
  fs::path fixed;
  for (const fs::path& part : fs::path(pattern).parent_path()) {
    if (part.string().find_first_of("*?[") != std::string::npos) break;
    fixed /= part;
  }
  return fixed.empty() ? fs::path(".") : fixed;
}

FolderListing of_pattern(const std::string& pattern) {
  FolderListing listing{fixed_part(pattern).string(), false, {}, {}};
  glob_t found = {};
  const int outcome = ::glob(pattern.c_str(), GLOB_ERR, nullptr, &found);
  std::vector<std::string> paths;
  for (std::size_t i = 0; outcome == 0 && i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  if (outcome != 0 && outcome != GLOB_NOMATCH) throw IoError(fmt::format("{}: a folder of this pattern cannot be read", pattern));
  for (const std::string& path : paths) {
    const std::string place = fs::path(path).lexically_proximate(listing.root).string();
    if (std::error_code error; fs::is_directory(path, error))
      listing.left_out.push_back(place);
    else
      listing.files.push_back({path, place, ""});
  }
  if (listing.files.empty()) throw UsageError(fmt::format("{}: no file matches", pattern));
  return listing;
}

/// The deepest folder that all files are in or below.
fs::path common_folder(const std::vector<std::string>& paths) {
  std::vector<fs::path> common;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const fs::path folder = fs::absolute(input_file(paths[i])).lexically_normal().parent_path();
    const std::vector<fs::path> parts(folder.begin(), folder.end());
    if (i == 0) common = parts;
    common.erase(std::ranges::mismatch(common, parts).in1, common.end());
  }
  fs::path folder;
  for (const fs::path& part : common) folder /= part;
  return folder;
}

FolderListing of_list(const std::string& list) {
  std::vector<std::string> paths;
  try {
    paths = input_files({list});
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", list, error.what()));
  }
  FolderListing listing{common_folder(paths).string(), false, {}, {}};
  for (const std::string& path : paths)
    listing.files.push_back({path, fs::absolute(input_file(path)).lexically_normal().lexically_relative(listing.root).string(), ""});
  return listing;
}

FolderListing listed(const std::string& asked) {
  std::error_code error;
  if (asked.starts_with('@') || asked.ends_with(".lst")) return of_list(asked);
  if (fs::is_directory(input_file(asked), error)) return of_folder(asked);
  if (asked.ends_with(".txt") && fs::exists(asked, error)) return of_list("@" + asked);
  if (fs::exists(input_file(asked), error))
    return {folder_of(input_file(asked)), false, {{asked, fs::path(input_file(asked)).filename().string(), ""}}, {}};
  if (asked.find_first_of("*?[") != std::string::npos) return of_pattern(asked);
  throw IoError(fmt::format("{}: no such file or folder (--catalogues)", asked));
}

}  // namespace

FolderListing list_folder_files(const std::string& asked) {
  FolderListing listing = listed(asked);
  for (FolderFile& file : listing.files) file.stem = stem_of(file.place);
  // Folders give their entries in any order.
  std::ranges::stable_sort(listing.files, {}, &FolderFile::place);
  return listing;
}

void check_folder_outputs(const FolderListing& listing, const std::string& output, const std::vector<std::string>& endings) {
  const fs::path to = canonical_form(output), from = canonical_form(listing.root);
  if (listing.is_walked && *to.lexically_relative(from).begin() != "..")
    throw UsageError(
        fmt::format("{}: lies in {}, whose files are estimated (the next run would take products for inputs)", output, listing.root));
  std::map<std::string, const FolderFile*> owners;
  for (const FolderFile& file : listing.files)
    for (const std::string& ending : endings) {
      const auto [owner, is_new] = owners.emplace(file.stem + ending, &file);
      if (!is_new)
        throw UsageError(fmt::format("{} and {} would both be {}/{} (rename one, or use another output for it)", owner->second->path,
                                     file.path, output, file.stem + ending));
    }
  std::set<std::string> inputs;
  for (const FolderFile& file : listing.files) inputs.insert(canonical_form(input_file(file.path)));
  for (const auto& [name, file] : owners) {
    if (inputs.contains(canonical_form((to / name).string())))
      throw UsageError(fmt::format("{}/{}: is both input and output", output, name));
    // A folder "x.hdf5" beside a file "x.csv".
    for (fs::path above = fs::path(name).parent_path(); !above.empty(); above = above.parent_path())
      if (owners.contains(above.string()))
        throw UsageError(fmt::format("{}/{} would be a product of {} and the folder of one of {}", output, above.string(),
                                     owners.at(above.string())->path, file->path));
  }
}

}  // namespace skyfold
