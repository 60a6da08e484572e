#include "skyfold/stages/provenance.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

namespace skyfold {

std::string provenance_json(const std::string& command, const OptionSet& options,
                            const std::vector<std::pair<std::string, std::string>>& inputs,
                            const std::string& source_fingerprint) {
  nlohmann::ordered_json json;
  json["command"] = command;
  json["version"] = program_version;
  if (!source_fingerprint.empty()) json["source_fingerprint"] = source_fingerprint;
  for (const auto& [path, identity] : inputs)
    json["inputs"].push_back({{"name", std::filesystem::path(path).filename().string()}, {"identity", identity}});
  for (const auto& [name, value] : options.answer_options()) json["options"][name] = value;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);  // a path may be any bytes
}

std::string creator_of(const std::string& command) { return std::string("skyfold ") + program_version + " " + command; }

}  // namespace skyfold
