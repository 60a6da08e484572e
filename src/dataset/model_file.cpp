// Photo-z models on disk: tables and parameters in one HDF5 file with a checksum, since kernels trust their model.
#include "skyfold/dataset/model_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/correction_record.hpp"
#include "skyfold/dataset/product_class.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr const char* format_name = "skyfold photoz model";
constexpr const char* format_version = "2";
constexpr const char* corrected_version = "3";  // of models whose magnitudes are corrected, which earlier programs would not know
constexpr const char* parameter_prefix = "parameter.";
constexpr const char* record_prefix = "record.";
constexpr const char* table_list = "tables";
constexpr const char* checksum_name = "checksum";

/// The bands as text, by the same description that the command line uses.
Attributes band_attributes(BandOptions bands) {
  // The description that parses the command line also writes and reads the file: one list of names.
  OptionSet options;
  describe(options, bands);
  Attributes attributes;
  for (const auto& [name, value] : options.answer_options()) attributes[name] = value;
  // Models that have nothing of these are as they were before these were known.
  if (bands.nan == BandOptions().nan) attributes.erase("bands.nan");
  if (bands.inf == BandOptions().inf) attributes.erase("bands.inf");
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

const std::string& text_of(const Attributes& attributes, const std::string& name, const std::string& path) {
  const auto found = attributes.find(name);
  if (found == attributes.end()) throw DataError(fmt::format("{}: model without {} (damaged)", path, name));
  return found->second;
}

/// Hash of all that a model file says, to notice damage: kernels trust their model.
std::string checksum_of(const Attributes& attributes, const std::map<std::string, Table>& tables) {
  std::uint64_t hash = 0;
  for (const auto& [name, value] : attributes)
    if (name != checksum_name) hash = hash_text(value, hash_text(name, hash));
  for (const auto& [name, table] : tables)
    for (std::size_t i = 0; i < table.columns(); ++i) {
      const ColumnInfo& column = table[i].info();
      // Type and width go in, as the same bytes mean other numbers under another type.
      hash = hash_text(fmt::format("{}/{} {} {}", name, column.name, name_of(column.type), column.width), hash);
      hash = hash_bytes(table[i].bytes(), hash);
    }
  return hex64(hash);
}

/// Tables in the order of the columns in a file, which is by name.
Table by_name(const Table& table) {
  Schema schema = table.schema();
  // HDF5 lists the members of a group by name, so the checksum that is made when reading sees this order.
  std::sort(schema.begin(), schema.end(), [](const ColumnInfo& a, const ColumnInfo& b) { return a.name < b.name; });
  Table sorted(schema, table.rows());
  put_rows(table, sorted, 0);
  return sorted;
}

double number_of(const Attributes& attributes, const char* name, const std::string& path) {
  const auto number = parse_double(text_of(attributes, name, path));
  if (!number) throw DataError(fmt::format("{}: the model's {} is not a number (damaged)", path, name));
  return *number;
}

std::map<std::string, std::string> with_prefix(const Attributes& attributes, const std::string& prefix) {
  std::map<std::string, std::string> found;
  for (const auto& [name, value] : attributes)
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = value;
  return found;
}

}  // namespace

void write_model(const std::string& path, const PhotozModel& model, const std::string& provenance) {
  Attributes attributes = band_attributes(model.bands);
  attributes["skyfold_format"] = format_name;
  attributes["format_version"] = model.corrections.says_nothing() ? format_version : corrected_version;
  attributes["algorithm"] = model.algorithm;
  attributes["redshift"] = model.redshift;
  // The shortest text that reads back as the same number: a model is the same after any number of copies.
  attributes["z_min"] = shortest(model.z_min);
  attributes["z_max"] = shortest(model.z_max);
  attributes["provenance"] = provenance;
  attributes["product_class"] = product_class::photoz_model;
  for (const auto& [name, value] : model.parameters) attributes[parameter_prefix + name] = value;
  for (const auto& [name, value] : model.record) attributes[record_prefix + name] = value;
  for (const auto& [name, value] : correction_attributes(model.corrections)) attributes[name] = value;
  std::map<std::string, Table> tables, groups;
  std::vector<std::string> names;
  const auto add = [&](const std::string& name, const Table& table) {
    tables.emplace(name, by_name(table));
    groups.emplace("/" + name, table);
    names.push_back(name);
  };
  for (const auto& [name, table] : model.tables) add(name, table);
  if (!model.corrections.tiles.empty()) add(correction_table, tile_table(model.corrections));
  attributes[table_list] = join(names, ",");
  // Last: it is over all other attributes.
  attributes[checksum_name] = checksum_of(attributes, tables);
  write_columns(path, groups, attributes);
}

PhotozModel read_model(const std::string& path) {
  const Attributes attributes = read_attributes(path);
  const auto format = attributes.find("skyfold_format");
  if (format == attributes.end() || format->second != format_name) throw DataError(path + ": not a photo-z model (made by skyfold train)");
  if (const std::string& version = text_of(attributes, "format_version", path); version != format_version && version != corrected_version)
    throw DataError(fmt::format("{}: a photo-z model of format {} (this program reads {} and {}: train it again)", path, version,
                                format_version, corrected_version));
  PhotozModel model;
  model.algorithm = text_of(attributes, "algorithm", path);
  model.redshift = text_of(attributes, "redshift", path);
  try {
    model.bands = bands_from(attributes);
  } catch (const UsageError& error) {
    // The user gave no such option, so it is no error of usage.
    throw DataError(fmt::format("{}: the model's {} (damaged)", path, error.what()));
  }
  model.z_min = number_of(attributes, "z_min", path);
  model.z_max = number_of(attributes, "z_max", path);
  model.parameters = with_prefix(attributes, parameter_prefix);
  model.record = with_prefix(attributes, record_prefix);
  for (const std::string& name : split(text_of(attributes, table_list, path), ','))
    model.tables.emplace(name, read_columns(path, "/" + name));
  // After reading: attributes and tables are compared as they were understood.
  if (text_of(attributes, checksum_name, path) != checksum_of(attributes, model.tables))
    throw DataError(path + ": the model's content does not match its checksum (damaged)");
  const auto tiles = model.tables.find(correction_table);
  model.corrections =
      corrections_from(attributes, tiles == model.tables.end() ? nullptr : &tiles->second, path).value_or(CorrectionRecord());
  // Kernels see their own tables only.
  if (tiles != model.tables.end()) model.tables.erase(tiles);
  return model;
}

namespace {

/// Of a folder that is one table: the names and bytes of its files.
std::string folder_identity(const std::string& folder) {
  std::uint64_t hash = 0;
  for (const std::string& file : parquet_files_below(folder))
    hash = hash_text(file_identity(file), hash_text(std::filesystem::path(file).lexically_relative(folder).string(), hash));
  return hex64(hash);
}

}  // namespace

std::string file_identity(const std::string& name) {
  const std::string path = input_file(name);
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return folder_identity(path);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  const auto throw_unreadable = [&] {
    throw IoError(fmt::format("{}: cannot be read ({})", path, errno ? std::strerror(errno) : "no such file"));
  };
  if (!file) throw_unreadable();
  std::vector<char> buffer(1 << 20);
  std::uint64_t hash = 0;
  // The last read fails for having met the end, with bytes all the same.
  while (file.read(buffer.data(), std::ssize(buffer)), file.gcount() > 0)
    hash = hash_bytes(std::as_bytes(std::span(buffer).first(static_cast<std::size_t>(file.gcount()))), hash);
  if (file.bad()) throw_unreadable();
  return hex64(hash);
}

}  // namespace skyfold
