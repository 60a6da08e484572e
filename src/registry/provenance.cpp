// The provenance that is written into every product, as PROV-JSON: only what decides its content, so that two runs with the same
// result have the same bytes.
#include "skyfold/registry/provenance.hpp"
#include "skyfold/core/escape.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <nlohmann/json.hpp>

namespace skyfold {

using Json = nlohmann::ordered_json;

std::string provenance_json(const std::string& command, const OptionSet& options,
                            const std::vector<std::pair<std::string, std::string>>& inputs, const std::string& source_fingerprint) {
  const std::string product = "skyfold:product", run = "skyfold:run", program = "skyfold:program";
  Json json;
  json["prefix"] = {{"prov", "http://www.w3.org/ns/prov#"}, {"skyfold", "urn:skyfold:"}};
  // No path, time, host or user: those are in the registry.
  json["entity"][product] = Json::object();
  if (!source_fingerprint.empty()) json["entity"][product]["skyfold:sourceFingerprint"] = source_fingerprint;
  json["activity"][run] = {{"prov:type", "skyfold:" + command}};
  for (const auto& [name, value] : options.answer_options()) json["activity"][run]["skyfold:option/" + name] = value;
  json["agent"][program] = {{"prov:type", "prov:SoftwareAgent"}, {"prov:label", std::string("skyfold ") + program_version}};
  json["wasGeneratedBy"]["_:made"] = {{"prov:entity", product}, {"prov:activity", run}};
  json["wasAssociatedWith"]["_:by"] = {{"prov:activity", run}, {"prov:agent", program}};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = fmt::format("skyfold:input/{}", i + 1);
    // The name without its folder, for people; what identifies the input is its fingerprint or hash.
    json["entity"][name] = {{"prov:label", std::filesystem::path(inputs[i].first).filename().string()},
                            {"skyfold:identity", inputs[i].second}};
    json["used"][fmt::format("_:input{}", i + 1)] = {{"prov:activity", run}, {"prov:entity", name}};
  }
  return json_text(json);
}

std::string source_fingerprint_in(const std::string& provenance) {
  // Without exceptions: an attribute of a foreign file may hold anything, and then has no fingerprint.
  const Json json = Json::parse(provenance, nullptr, false);
  const Json::json_pointer place("/entity/skyfold:product/skyfold:sourceFingerprint");
  return json.is_object() && json.contains(place) && json[place].is_string() ? json[place].get<std::string>() : "";
}

std::string creator_of(const std::string& command) { return std::string("skyfold ") + program_version + " " + command; }

}  // namespace skyfold
