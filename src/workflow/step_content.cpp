// Files as content: what options name, what the registry knows to have been read, and hashes that are not taken twice.
#include "step_content.hpp"

#include <fmt/core.h>
#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/io/source.hpp"
#include "skyfold/registry/content.hpp"
#include "skyfold/registry/input_state.hpp"
#include "step_options.hpp"

namespace skyfold::workflow {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Options that name no input, whatever there is of that name.
constexpr const char* no_inputs[] = {"config", "project", "product-log", "products-within"};

/// All that must be the same for a file to count as unread since.
std::string state_key(const json& file, bool bytes) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", file.at("path").get<std::string>(), file.at("bytes").get<std::int64_t>(),
                     file.at("time").get<std::int64_t>(), file.at("edges").get<std::string>(), bytes ? "bytes" : "content");
}

/// Of a folder: names, sizes and contents of all files in it.
std::string folder_hash(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) names.push_back(entry.path().lexically_relative(folder).string());
  std::sort(names.begin(), names.end());
  std::uint64_t hash = 0;
  for (const std::string& name : names) hash = hash_text(file_hash((fs::path(folder) / name).string()), hash_text(name, hash));
  return hex64(hash);
}

std::string hash_of_content(const std::string& path) {
  try {
    if (std::string hash = content_hash(path); !hash.empty()) return hash;
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): no table of ours
  }
  return file_hash(path);
}

/// Files of a value, or of an element of a list: itself, those of a list of files, those of a pattern.
std::vector<std::string> files_of(const std::string& text, const std::string& folder) {
  std::error_code error;
  const std::string path = absolute_path(folder, input_file(text)), plain = absolute_path(folder, text);
  if (fs::exists(plain, error)) return text.ends_with(".lst") ? input_files({plain}) : std::vector{plain};
  if (fs::exists(path, error)) return {path};
  if (text.starts_with('@') && fs::exists(absolute_path(folder, text.substr(1)), error))
    return input_files({"@" + absolute_path(folder, text.substr(1))});
  std::vector<std::string> found;
  if (text.find('*') == std::string::npos) return found;
  glob_t matches = {};
  if (glob(plain.c_str(), 0, nullptr, &matches) == 0) found.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  globfree(&matches);
  return found;
}

std::vector<std::string> files_of_value(const std::string& value, const std::string& folder) {
  std::vector<std::string> found;
  const auto add = [&](const std::string& text) {
    if (text.empty() || parse_double(text) || text.size() > 4096) return;
    for (std::string& file : files_of(text, folder))
      if (std::find(found.begin(), found.end(), file) == found.end()) found.push_back(std::move(file));
  };
  add(unquoted_value(value));
  for (const std::string& element : unquoted_list(value)) add(element);
  return found;
}

/// Folder of the registry that has the products of a call; "" for none.
std::string project_for(const StepCall& call, const std::string& folder) {
  constexpr std::string_view option = "--project=";
  for (const std::string& word : call.words)
    if (word.starts_with(option)) {
      const std::string name = word.substr(option.size());
      return name == "none" ? "" : project_of(absolute_path(folder, name + "/x"));
    }
  const std::string found = call.products.empty() ? "" : project_of(call.products.begin()->second);
  if (!found.empty()) require_own_registry(found);
  return found;
}

}  // namespace

void ContentMemory::learn(const json& fingerprint) {
  for (const char* part : {"inputs", "read", "products"})
    if (fingerprint.contains(part))
      for (const json& file : fingerprint.at(part))
        hashes_[state_key(file, std::string_view(part) == "products")] = file.at("hash").get<std::string>();
}

json ContentMemory::of(const std::string& path, bool bytes) {
  const InputState state = input_state(path);
  json file = {{"path", reversible_utf8(path)}, {"bytes", state.bytes}, {"time", state.time_ns}, {"edges", state.hash}};
  std::string& hash = hashes_[state_key(file, bytes)];
  if (hash.empty()) hash = fs::is_directory(path) ? folder_hash(path) : bytes ? file_hash(path) : hash_of_content(path);
  file["hash"] = hash;
  return file;
}

json ContentMemory::of(const InputRecord& input) {
  json file = of(input.path, false);
  const std::string& recorded = input.content_hash.empty() ? input.file_hash : input.content_hash;
  if (recorded.empty() || recorded == file["hash"] || recorded == of(input.path, true)["hash"]) return file;
  file["hash"] = "changed";
  return file;
}

std::map<std::string, std::string> files_in_options(const OptionSet& options, const std::string& folder,
                                                    const std::vector<std::string>& but) {
  std::map<std::string, std::string> files;
  for (const std::string& name : options.names()) {
    if (!options.changed(name) || std::find(std::begin(no_inputs), std::end(no_inputs), name) != std::end(no_inputs)) continue;
    std::vector<std::string> found = files_of_value(options.value(name), folder);
    std::erase_if(found, [&](const std::string& path) { return std::find(but.begin(), but.end(), path) != but.end(); });
    for (std::size_t i = 0; i < found.size(); ++i) files[found.size() == 1 ? name : fmt::format("{}[{}]", name, i + 1)] = found[i];
  }
  return files;
}

RegisteredFiles registered_files(const StepCall& call, const std::string& folder) {
  RegisteredFiles files;
  try {
    const std::string project = project_for(call, folder);
    if (project.empty() || call.products.empty()) return files;
    Registry registry(project, true);
    const std::int64_t process = registry.product(canonical_form(call.products.begin()->second)).process;
    files.read = registry.inputs(process);
    for (const ProductRecord& product : registry.products_of(process))
      if (product.is_current) files.made.push_back(product.path);
  } catch (const Error&) {
    return {};  // a command that records nothing, or a registry that is not this user's
  }
  return files;
}

}  // namespace skyfold::workflow
