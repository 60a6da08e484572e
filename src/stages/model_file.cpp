#include "skyfold/stages/model_file.hpp"

#include <fmt/core.h>

#include <fstream>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/hdf5.hpp"

namespace skyfold {
namespace {

constexpr const char* format_name = "skyfold photoz model";
constexpr const char* format_version = "1";
constexpr const char* parameter_prefix = "parameter.";
constexpr const char* table_list = "tables";

/// The bands as text, by the same description that the command line uses.
Attributes band_attributes(BandOptions bands) {
  OptionSet options;
  describe(options, bands);
  Attributes attributes;
  for (const auto& [name, value] : options.answer_options()) attributes[name] = value;
  return attributes;
}

BandOptions bands_from(const Attributes& attributes) {
  BandOptions bands;
  OptionSet options;
  describe(options, bands);
  std::vector<std::string> arguments;
  for (const std::string& name : options.names())
    if (attributes.contains(name) && !attributes.at(name).empty()) arguments.push_back(fmt::format("--{}={}", name, attributes.at(name)));
  options.read_command_line(arguments);
  return bands;
}

double number_of(const Attributes& attributes, const char* name, const std::string& path) {
  const auto found = attributes.find(name);
  const auto number = found == attributes.end() ? std::nullopt : parse_double(found->second);
  if (!number) throw DataError(fmt::format("{}: model without {} (damaged)", path, name));
  return *number;
}

}  // namespace

void write_model(const std::string& path, const PhotozModel& model, const std::string& provenance) {
  Attributes attributes = band_attributes(model.bands);
  attributes["skyfold_format"] = format_name;
  attributes["format_version"] = format_version;
  attributes["algorithm"] = model.algorithm;
  attributes["redshift"] = model.redshift;
  attributes["z_min"] = shortest(model.z_min);
  attributes["z_max"] = shortest(model.z_max);
  attributes["provenance"] = provenance;
  for (const auto& [name, value] : model.parameters) attributes[parameter_prefix + name] = value;
  std::map<std::string, Table> groups;
  std::vector<std::string> names;
  for (const auto& [name, table] : model.tables) {
    groups.emplace("/" + name, table);
    names.push_back(name);
  }
  attributes[table_list] = join(names, ",");
  write_columns(path, groups, attributes);
}

PhotozModel read_model(const std::string& path) {
  const Attributes attributes = read_attributes(path);
  const auto format = attributes.find("skyfold_format");
  if (format == attributes.end() || format->second != format_name)
    throw DataError(path + ": not a photo-z model (made by skyfold train)");
  if (attributes.at("format_version") != format_version)
    throw DataError(fmt::format("{}: model format {} (this program reads {})", path, attributes.at("format_version"), format_version));
  PhotozModel model;
  model.algorithm = attributes.at("algorithm");
  model.redshift = attributes.at("redshift");
  model.bands = bands_from(attributes);
  model.z_min = number_of(attributes, "z_min", path);
  model.z_max = number_of(attributes, "z_max", path);
  const std::string prefix = parameter_prefix;
  for (const auto& [name, value] : attributes)
    if (name.starts_with(prefix)) model.parameters[name.substr(prefix.size())] = value;
  for (const std::string& name : split(attributes.at(table_list), ',')) model.tables.emplace(name, read_columns(path, "/" + name));
  return model;
}

std::string file_identity(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> buffer(1 << 20);
  std::uint64_t hash = 0;
  while (file.read(buffer.data(), std::ssize(buffer)), file.gcount() > 0)
    hash = hash_bytes(std::as_bytes(std::span(buffer).first(static_cast<std::size_t>(file.gcount()))), hash);
  return hex64(hash);
}

}  // namespace skyfold
