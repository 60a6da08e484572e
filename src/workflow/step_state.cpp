// Whether a step must run: what decides its answer (command, version, options, contents of what it reads) and what it has left are written
// into a fingerprint, which the next run of the pipeline compares with what is there.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "file_sections.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/version.hpp"
#include "skyfold/workflow/steps.hpp"
#include "step_content.hpp"
#include "step_options.hpp"

namespace skyfold::workflow {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string path_in(const json& file) { return bytes_of_reversible(file.at("path").get<std::string>()); }

/// A fingerprint, or null for a text that is none, such as of another version of its form.
json fingerprint_in(const std::string& text) {
  const json found = json::parse(text, nullptr, false);
  const bool is_one = found.is_object() && found.value("form", 0) == 1 && found.contains("command") && found.contains("version") &&
                      found.contains("options") && found.contains("inputs");
  return is_one ? found : json();
}

/// Where the record stands of what made a product; "" without a product.
std::string record_beside(const StepCall& call) {
  if (call.products.empty()) return "";
  const fs::path product = call.products.begin()->second;
  return (product.parent_path() / ("." + product.filename().string() + ".step")).string();
}

/// What decides the answer of a call, with the files as they are now.
json asked_for(const StepCall& call, const CommandBook& book, const std::string& folder, ContentMemory& memory) {
  const CommandFacts facts = book(call.command);
  if (!facts.is_known) throw UsageError(facts.problem);
  const auto name_words = static_cast<std::ptrdiff_t>(split(call.command, ' ').size());
  for (auto word = call.words.begin() + name_words; word != call.words.end(); ++word) assign_word(*facts.options, *word);
  read_config(*facts.options, folder);
  json asked = {
      {"form", 1}, {"command", call.command}, {"version", program_version}, {"options", json::object()}, {"inputs", json::object()}};
  for (const auto& [name, value] : facts.options->answer_options()) asked["options"][name] = reversible_utf8(value);
  std::vector<std::string> products;
  for (const auto& [name, path] : call.products) products.push_back(path);
  for (const auto& [name, path] : files_in_options(*facts.options, folder, products)) asked["inputs"][name] = memory.of(path, false);
  return asked;
}

/// Why a call is not what a fingerprint is of; "" when it is.
class Difference {
 public:
  Difference(const StepCall& call, const json& asked, const std::string& folder, ContentMemory& memory)
      : call_(call), asked_(asked), folder_(folder), memory_(memory) {}

  [[nodiscard]] std::string missing_product() const {
    for (const auto& [name, path] : call_.products)
      if (std::error_code error; !fs::exists(path, error)) return fmt::format("product {} is not there", shorter(path));
    return "";
  }

  [[nodiscard]] std::string from(const json& before) {
    for (const std::string& why : {of_program(before), of_options(before), of_inputs(before), of_read(before), of_products(before)})
      if (!why.empty()) return why;
    return "";
  }

 private:
  [[nodiscard]] std::string shorter(const std::string& path) const { return path_from(folder_, path); }

  [[nodiscard]] std::string of_program(const json& before) const {
    if (before["command"] != asked_["command"])
      return fmt::format("command was {}, is {}", before["command"].get<std::string>(), call_.command);
    if (before["version"] != asked_["version"])
      return fmt::format("skyfold was {}, is {}", before["version"].get<std::string>(), program_version);
    return "";
  }

  [[nodiscard]] std::string of_options(const json& before) const {
    const json &was = before["options"], &is = asked_["options"];
    const auto told = [](const json& options, const std::string& name) {
      const std::string value = options.value(name, std::string());
      return value.empty() ? std::string("empty") : bytes_of_reversible(value);
    };
    for (const auto& [name, value] : is.items())
      if (!was.contains(name) || was[name] != value) return fmt::format("option {} was {}, is {}", name, told(was, name), told(is, name));
    for (const auto& [name, value] : was.items())
      if (!is.contains(name)) return fmt::format("option {} was {}", name, told(was, name));
    return "";
  }

  [[nodiscard]] std::string of_inputs(const json& before) const {
    const json &was = before["inputs"], &is = asked_["inputs"];
    for (const auto& [name, file] : is.items()) {
      if (!was.contains(name)) return fmt::format("input {} ({}) is new", shorter(path_in(file)), name);
      if (was[name]["hash"] != file["hash"]) return fmt::format("input {} has other content", shorter(path_in(file)));
    }
    for (const auto& [name, file] : was.items())
      if (!is.contains(name)) return fmt::format("input {} ({}) is no longer read", shorter(path_in(file)), name);
    return "";
  }

  /// What was read besides, such as tables that a registration file names.
  [[nodiscard]] std::string of_read(const json& before) { return of_files(before, "read", "input", "has other content"); }

  [[nodiscard]] std::string of_products(const json& before) {
    if (!before.contains("products")) return "its run was not ended";
    for (const auto& [name, path] : call_.products) {
      const auto is_it = [&](const json& file) { return path_in(file) == path; };
      if (std::none_of(before["products"].begin(), before["products"].end(), is_it)) return fmt::format("product {} is new", shorter(path));
    }
    return of_files(before, "products", "product", "was changed by another");
  }

  [[nodiscard]] std::string of_files(const json& before, const char* part, const char* what, const char* changed) {
    if (!before.contains(part)) return "";
    for (const json& file : before[part]) {
      const std::string path = path_in(file);
      if (std::error_code error; !fs::exists(path, error)) return fmt::format("{} {} is not there", what, shorter(path));
      if (memory_.of(path, std::string_view(part) == "products")["hash"] != file["hash"])
        return fmt::format("{} {} {}", what, shorter(path), changed);
    }
    return "";
  }

  const StepCall& call_;
  const json& asked_;
  const std::string& folder_;
  ContentMemory& memory_;
};

/// A name for a product that no option names: what stands before its ending, or the ending itself.
std::string name_beside(const std::string& main, const std::string& path) {
  const fs::path product(path);
  const std::string stem = fs::path(main).stem().string(), own = product.stem().string();
  if (own.starts_with(stem + ".")) return own.substr(stem.size() + 1);
  return own == stem && product.has_extension() ? product.extension().string().substr(1) : product.filename().string();
}

/// Products of the call, and those that the registry knows besides, by name.
std::map<std::string, std::string> all_products(const StepCall& call, const std::vector<std::string>& made) {
  std::map<std::string, std::string> products = call.products;
  std::set<std::string> known;
  for (const auto& [name, path] : call.products) known.insert(canonical_form(path));
  for (const std::string& path : made)
    if (std::error_code error; !known.contains(path) && fs::exists(path, error))
      products.emplace(name_beside(call.products.begin()->second, path), path);
  return products;
}

void leave_record(const StepCall& call, const std::string& fingerprint) {
  const std::string path = record_beside(call);
  if (path.empty()) return;
  try {
    write_durably(path, fingerprint + "\n");
  } catch (const Error& error) {
    log_warning(fmt::format("other pipelines cannot see what made {}: {}", call.products.begin()->second, error.what()));
  }
}

}  // namespace

StepDecision decide_step(const StepCall& call, const CommandBook& book, const std::string& last_fingerprint,
                         const std::vector<OutputFile>& last_outputs, const std::string& folder) {
  ContentMemory memory;
  const std::string beside_path = record_beside(call);
  const json last = fingerprint_in(last_fingerprint), beside = fingerprint_in(beside_path.empty() ? "" : read_small_file(beside_path));
  for (const json& before : {last, beside})
    if (!before.is_null()) memory.learn(before);
  const json asked = asked_for(call, book, folder, memory);
  StepDecision decision;
  decision.fingerprint = json_text(asked);
  Difference difference(call, asked, folder, memory);
  decision.why = difference.missing_product();
  if (!decision.why.empty()) return decision;
  for (const json& before : {last, beside}) {
    if (before.is_null()) continue;
    const std::string why = difference.from(before);
    if (why.empty()) {
      decision.is_current = true;
      decision.why.clear();
      json current = before;
      current["inputs"] = asked["inputs"];  // with the times that they have now
      decision.fingerprint = json_text(current);
      return decision;
    }
    if (decision.why.empty()) decision.why = why;
  }
  if (decision.why.empty()) decision.why = last_outputs.empty() ? "it has not run yet" : "nothing tells what it was run with";
  return decision;
}

StepEnd finish_step(const StepCall& call, const std::string& fingerprint, const std::string& folder) {
  json complete = fingerprint_in(fingerprint);
  if (complete.is_null()) throw DataError(fmt::format("no fingerprint of {}", call.command));
  ContentMemory memory;
  memory.learn(complete);
  for (const auto& [name, path] : call.products)
    if (std::error_code error; !fs::exists(path, error))
      throw DataError(fmt::format("{} has not made {}", call.command, path_from(folder, path)));
  const RegisteredFiles registered = registered_files(call, folder);
  StepEnd end;
  end.products = all_products(call, registered.made);
  complete["products"] = json::array();
  for (const auto& [name, path] : end.products) {
    const json file = memory.of(path, true);
    complete["products"].push_back(file);
    end.outputs.push_back({path_from(folder, path), file["hash"].get<std::string>(), file["bytes"].get<std::int64_t>()});
  }
  complete["read"] = json::array();
  for (const InputRecord& input : registered.read)
    if (std::error_code error; fs::exists(input.path, error)) complete["read"].push_back(memory.of(input));
  end.fingerprint = json_text(complete);
  leave_record(call, end.fingerprint);
  return end;
}

}  // namespace skyfold::workflow
