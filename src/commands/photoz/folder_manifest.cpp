// The manifest of a folder of products, by which a repeated command knows what is left to do.
#include "folder_manifest.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kind = "skyfold photoz of files";
constexpr int format = 1;

Json json_of(const FolderEntry& entry) {
  Json json;
  json["input"] = entry.input;
  json["hash"] = entry.hash;
  if (!entry.problem.empty()) {
    json["problem"] = entry.problem;
    return json;
  }
  json["rows"] = entry.rows;
  json["objects"] = entry.objects;
  json["products"] = Json::array();
  for (const ProductFile& product : entry.products) json["products"].push_back({{"name", product.name}, {"bytes", product.bytes}});
  return json;
}

FolderEntry entry_of(const Json& json) {
  FolderEntry entry;
  entry.input = json.at("input");
  entry.hash = json.at("hash");
  entry.problem = json.value("problem", "");
  entry.rows = json.value("rows", std::int64_t{0});
  entry.objects = json.value("objects", std::int64_t{0});
  for (const Json& product : json.value("products", Json::array())) entry.products.push_back({product.at("name"), product.at("bytes")});
  return entry;
}

}  // namespace

std::string manifest_text(const FolderManifest& manifest) {
  Json json;
  json["kind"] = kind;
  json["format"] = format;
  json["run"] = manifest.run;
  json["files"] = Json::array();
  for (const FolderEntry& entry : manifest.files) json["files"].push_back(json_of(entry));
  return with_texts(json, reversible_utf8).dump(1) + "\n";
}

FolderManifest folder_manifest_from(const std::string& text, const std::string& path) {
  try {
    const Json json = with_texts(Json::parse(text), bytes_of_reversible);
    if (json.at("kind") == kind && json.at("format") == format) {
      FolderManifest manifest{json.at("run"), {}};
      for (const Json& entry : json.at("files")) manifest.files.push_back(entry_of(entry));
      return manifest;
    }
  } catch (const Json::exception&) {  // NOLINT(bugprone-empty-catch): told below
  }
  throw IoError(fmt::format("{}: is no manifest of photoz, which would take its place (move it away)", path));
}

std::optional<FolderManifest> read_folder_manifest(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, error))) return std::nullopt;
  return folder_manifest_from(read_file(path), path);
}

}  // namespace skyfold
