// The state of a run as JSON, and what must be equal for a later attempt to go on: command, version, options that decide the
// result, inputs.
#include "state.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/input_names.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int format = 1;

std::string shown(const std::string& value) { return value.empty() ? "unset" : value; }

}  // namespace

ProductState product_state(const std::string& path, const std::string& partial) {
  struct stat status = {};
  if (stat(partial.c_str(), &status) != 0) throw IoError(fmt::format("{}: {}", partial, std::strerror(errno)));
  if (S_ISDIR(status.st_mode)) {
    const FolderState folder = folder_state(partial);
    return {path, folder.bytes, folder.time_ns};
  }
  // With nanoseconds: a file may change twice in a second.
  return {path, status.st_size, std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

void check_unchanged(const ProductState& product, const std::string& partial) {
  std::error_code error;
  if (product.time_ns == 0 || !fs::exists(partial, error)) return;  // it has its name
  const ProductState now = product_state(product.path, partial);
  if (now.bytes != product.bytes || now.time_ns != product.time_ns)
    throw IoError(fmt::format("{}: changed since the run that made it ended (start over with --fresh)", partial));
}

std::string RunState::text() const {
  Json json;
  json["format"] = format;
  json["phase"] = phase;
  json["command"] = command;
  json["version"] = version;
  json["output"] = output;
  json["exit_code"] = exit_code;
  json["reopened"] = reopened;
  // Only those that are no layout: ranks, threads and partitions may differ between attempts.
  json["options"] = options;
  json["inputs"] = Json::array();
  for (const InputState& input : inputs)
    json["inputs"].push_back({{"path", input.path}, {"bytes", input.bytes}, {"time_ns", input.time_ns}, {"hash", input.hash}});
  json["declared"] = declared;
  json["along"] = along;
  json["products"] = Json::array();
  for (const ProductState& product : products)
    json["products"].push_back({{"path", product.path}, {"bytes", product.bytes}, {"time_ns", product.time_ns}});
  return with_texts(json, reversible_utf8).dump(2) + "\n";  // names of files may be any bytes, and are used again
}

std::optional<RunState> read_run_state(const std::string& path) {
  std::error_code error;
  const fs::file_status there = fs::symlink_status(path, error);
  if (there.type() == fs::file_type::not_found) return std::nullopt;
  // Reading a pipe that somebody put there would wait for ever.
  if (!error && !fs::is_regular_file(there)) throw IoError(path + ": is not a file, and not of a run");
  const std::string text = read_file(path);
  const auto refuse = [&] { return IoError(path + ": not the state of a run of this version (start over with --fresh)"); };
  try {
    const Json json = with_texts(Json::parse(text), bytes_of_reversible);
    if (json.at("format") != format) throw refuse();
    RunState state;
    state.phase = json.at("phase");
    state.command = json.at("command");
    state.version = json.at("version");
    state.output = json.at("output");
    state.exit_code = json.at("exit_code");
    state.options = json.at("options").get<std::map<std::string, std::string>>();
    state.declared = json.at("declared").get<std::vector<std::string>>();
    state.reopened = json.value("reopened", 0);
    if (json.contains("along"))
      state.along = json.at("along").get<std::vector<std::string>>();
    else
      for (const std::string& product : state.declared) state.along.push_back(fs::path(product).filename().string());  // so it was
    for (const Json& input : json.at("inputs"))
      state.inputs.push_back({input.at("path"), input.at("bytes"), input.at("time_ns"), input.at("hash")});
    for (const Json& product : json.at("products"))
      state.products.push_back({product.at("path"), product.at("bytes"), product.value("time_ns", std::int64_t{0})});
    return state;
  } catch (const Json::exception&) {
    throw refuse();
  }
}

void check_same_run(const RunState& before, const RunState& now) {
  std::vector<std::string> differences;
  const auto compare = [&](const std::string& name, const std::string& a, const std::string& b) {
    if (a != b) differences.push_back(fmt::format("{}: {} then, {} now", name, shown(a), shown(b)));
  };
  compare("command", before.command, now.command);
  // Another version may compute other values: rows of both in one product would be neither's.
  compare("version", before.version, now.version);
  for (const auto& [name, value] : now.options) compare(name, before.options.contains(name) ? before.options.at(name) : "", value);
  // Options that were there and are no more, too: they come and go with algorithms.
  for (const auto& [name, value] : before.options)
    if (!now.options.contains(name)) compare(name, value, "");
  // Other inputs are a wrong command line; the same inputs, changed, are an error of data. So these are compared apart.
  std::vector<std::string> files_before, files_now;
  for (const InputState& input : before.inputs) files_before.push_back(input.path);
  for (const InputState& input : now.inputs) files_now.push_back(input.path);
  compare("inputs", join(files_before, " "), join(files_now, " "));
  if (!differences.empty())
    throw UsageError(fmt::format("{}: an unfinished run of this output differs ({}): repeat it as it was, or start over with --fresh",
                                 now.output, join(differences, "; ")));
  for (std::size_t i = 0; i < now.inputs.size(); ++i)
    if (before.inputs[i] != now.inputs[i])
      throw DataError(
          fmt::format("{}: changed since the unfinished run of {} began: start over with --fresh", now.inputs[i].path, now.output));
}

}  // namespace skyfold
