// Where a record of corrections is kept: attributes and a small table of HDF5 products, or an INI file of the user's.
#include "skyfold/dataset/correction_record.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/table/algebra.hpp"
#include "skyfold/table/known_columns.hpp"

namespace skyfold {
namespace {

constexpr const char* prefix = "corrections.";

void check_lists(const CorrectionRecord& record, const std::string& path) {
  for (const auto& [name, list] : {std::pair{"zeropoint", &record.zeropoint},
                                   {"extinction", &record.extinction},
                                   {"flux_zeropoint", &record.scale.zeropoint},
                                   {"softening", &record.scale.softening}}) {
    if (!list->empty() && list->size() != record.bands.size())
      throw DataError(fmt::format("{}: corrections.{} has {} values for {} bands", path, name, list->size(), record.bands.size()));
    if (!std::all_of(list->begin(), list->end(), [](double value) { return std::isfinite(value); }))
      throw DataError(fmt::format("{}: corrections.{} has a value that is no number", path, name));
  }
  if (record.has_extinction() == record.extinction.empty())
    throw DataError(path + ": corrections.ebv or corrections.ebv_map, and corrections.extinction belong together");
  if (!record.ebv.empty() && !record.ebv_map.empty())
    throw DataError(path + ": corrections.ebv and corrections.ebv_map exclude each other");
  if (record.scale.is_set() == record.scale.zeropoint.empty())
    throw DataError(path + ": corrections.flux and corrections.flux_zeropoint belong together");
}

/// The corrections that the user describes.
struct CorrectionFile {
  CorrectionRecord record;
  std::string zeropoint_table;
};

}  // namespace

Attributes correction_attributes(const CorrectionRecord& record) {
  Attributes attributes;
  if (record.says_nothing()) return attributes;
  CorrectionRecord copy = record;
  OptionSet options;
  describe(options, copy);
  for (const auto& [name, value] : options.answer_options()) attributes[name] = value;
  return attributes;
}

Table tile_table(const CorrectionRecord& record) {
  std::size_t width = 1;
  for (const auto& [tile, offsets] : record.tiles) width = std::max(width, tile.size());
  Table table({{"tile", Type::text, width}, {"zeropoint", Type::f8, std::max<std::size_t>(1, record.bands.size()), "mag"}},
              record.tiles.size());
  const auto names = table[0].values<char>();
  std::fill(names.begin(), names.end(), '\0');
  std::size_t row = 0;
  for (const auto& [tile, offsets] : record.tiles) {
    std::copy(tile.begin(), tile.end(), names.begin() + static_cast<std::ptrdiff_t>(row * width));
    std::copy(offsets.begin(), offsets.end(), table[1].values<double>().begin() + static_cast<std::ptrdiff_t>(row * offsets.size()));
    ++row;
  }
  return table;
}

std::optional<CorrectionRecord> corrections_from(const Attributes& attributes, const Table* tiles, const std::string& path) {
  CorrectionRecord record;
  OptionSet options;
  describe(options, record);
  std::vector<std::string> words;
  for (const std::string& name : options.names())
    // The parser of the command line reads them back, so ranges and lists are checked as they were when they were written.
    if (attributes.contains(name) && !attributes.at(name).empty()) words.push_back(fmt::format("--{}={}", name, attributes.at(name)));
  if (words.empty()) return std::nullopt;
  try {
    options.read_command_line(words);
  } catch (const UsageError& error) {
    // The user gave no such option, so it is no error of usage.
    throw DataError(fmt::format("{}: its {} (damaged)", path, error.what()));
  }
  check_lists(record, path);
  if (!tiles) return record;
  const Column *const tile = tiles->find("tile"), *const zeropoint = tiles->find("zeropoint");
  if (!tile || !zeropoint || zeropoint->info().type != Type::f8 || zeropoint->info().width != record.bands.size())
    throw DataError(fmt::format("{}: its zero points by tile are not those of {} bands (damaged)", path, record.bands.size()));
  for (std::size_t row = 0; row < tiles->rows(); ++row) {
    std::vector<double>& offsets = record.tiles[key_of(*tile, row)];
    for (std::size_t band = 0; band < record.bands.size(); ++band) offsets.push_back(zeropoint->number(row, band));
  }
  return record;
}

void write_corrections(const std::string& path, const CorrectionRecord& record) {
  const Attributes attributes = correction_attributes(record);
  if (attributes.empty()) return;
  write_attributes(path, attributes);
  if (!record.tiles.empty()) add_columns(path, {{std::string("/") + correction_table, tile_table(record)}});
}

CorrectionRecord read_corrections(const std::string& path) {
  if (!is_own_product(path)) return {};
  const Attributes attributes = read_attributes(path);
  // Products from before there were records have none, and so count as not corrected.
  if (std::none_of(attributes.begin(), attributes.end(), [](const auto& attribute) { return attribute.first.starts_with(prefix); }))
    return {};
  const std::string group = std::string("/") + correction_table;
  std::optional<Table> tiles;
  if (has_columns(path, group)) tiles = read_columns(path, group);
  return corrections_from(attributes, tiles ? &*tiles : nullptr, path).value_or(CorrectionRecord());
}

CorrectionRecord common_corrections(const std::vector<std::string>& paths) {
  const CorrectionRecord first = read_corrections(paths.front());
  for (std::size_t i = 1; i < paths.size(); ++i) {
    const CorrectionRecord other = read_corrections(paths[i]);
    // All bands of both: one that only one of the files has corrected is a difference, too.
    std::vector<std::string> bands = first.bands;
    bands.insert(bands.end(), other.bands.begin(), other.bands.end());
    if (const std::string what = difference(first, other, bands); !what.empty())
      throw DataError(fmt::format("{}: its magnitudes are corrected otherwise than those of {} ({})", paths[i], paths.front(), what));
  }
  return first;
}

CorrectionRecord read_correction_file(const std::string& path) {
  CorrectionFile file;
  OptionSet options;
  describe(options, file.record);
  options("corrections.zeropoint_table", file.zeropoint_table, "table of zero points: a column of tiles and one per band");
  options.read_ini(path);
  check_lists(file.record, path);
  if (!file.record.ebv_map.empty()) file.record.ebv_hash = file_identity(file.record.ebv_map);
  if (file.record.tile.empty() != file.zeropoint_table.empty())
    throw DataError(path + ": corrections.tile and corrections.zeropoint_table belong together");
  if (!file.zeropoint_table.empty()) file.record.tiles = read_tile_zeropoints(file.zeropoint_table, file.record.tile, file.record.bands);
  return file.record;
}

std::map<std::string, std::vector<double>, std::less<>> read_tile_zeropoints(const std::string& path, const std::string& tile,
                                                                             const std::vector<std::string>& bands,
                                                                             const SourceOptions& source) {
  const Dataset dataset(path, source);
  // The table of zero points may call its tiles otherwise than the catalogue.
  const std::string name = find_column(dataset.schema(), tile) ? tile : known_column(dataset.schema(), known_columns::tile);
  if (name.empty()) throw UsageError(fmt::format("{}: no column '{}' of tiles", path, tile));
  Schema schema = {dataset.column(name, "--match.tile")};
  for (const std::string& band : bands) schema.push_back(dataset.number_column(band, "--bands"));
  const Table table = dataset.read(schema);
  std::map<std::string, std::vector<double>, std::less<>> tiles;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    std::vector<double>& offsets = tiles[key_of(table[0], row)];
    if (!offsets.empty()) throw DataError(fmt::format("{}, row {}: tile {} is there twice", path, row + 1, key_of(table[0], row)));
    for (std::size_t band = 1; band < schema.size(); ++band) {
      offsets.push_back(table[band].number(row));
      if (!std::isfinite(offsets.back()))
        throw DataError(fmt::format("{}, row {}, column {}: no zero point", path, row + 1, schema[band].name));
    }
  }
  return tiles;
}

}  // namespace skyfold
