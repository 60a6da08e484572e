// HATS catalogues: properties, the list of pixels that have rows, and the files of these. What the list and the files say must agree,
// since rows would be lost otherwise.
#include "hats_catalogue.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using Properties = std::map<std::string, std::string>;

constexpr const char* catalogue_file = "hats.properties";
constexpr const char* collection_file = "collection.properties";

std::string below(const std::string& folder, const std::string& name) { return (fs::path(folder) / name).string(); }
bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

/// Lines `key = value`; # begins a comment.
Properties read_properties(const std::string& path) {
  Properties properties;
  std::istringstream in(read_file(path));
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const std::string_view text = trim(line);
    if (text.empty() || text.front() == '#') continue;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) throw DataError(fmt::format("{}, line {}: '{}' is no 'key = value'", path, number, text));
    properties[std::string(trim(text.substr(0, equals)))] = trim(text.substr(equals + 1));
  }
  return properties;
}

std::string value_of(const Properties& properties, const std::string& key) {
  const auto found = properties.find(key);
  return found == properties.end() ? "" : found->second;
}

std::int64_t whole(const std::string& path, int line, const char* what, const std::string& text) {
  if (const auto value = parse_integer(text)) return *value;
  throw DataError(fmt::format("{}, line {}: {} '{}' is no whole number", path, line, what, text));
}

std::int64_t first_key_of(const HatsPixel& pixel) { return first_key(pixel.pixel, pixel.order); }

/// partition_info.csv: Norder,Npix, perhaps with more columns.
std::vector<HatsPixel> read_pixels(const std::string& path) {
  std::istringstream in(read_file(path));
  std::string line;
  std::getline(in, line);
  const std::vector<std::string> names = split(line, ',');
  const auto column = [&](const char* name) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) throw DataError(fmt::format("{}, line 1: no column {} (Norder,Npix is expected)", path, name));
    return static_cast<std::size_t>(found - names.begin());
  };
  // By name: the standard fixes neither the order of the columns nor that there are no others.
  const std::size_t order = column("Norder"), pixel = column("Npix");
  std::vector<HatsPixel> pixels;
  for (int number = 2; std::getline(in, line); ++number) {
    if (trim(line).empty()) continue;
    const std::vector<std::string> cells = split(line, ',');
    if (cells.size() != names.size())
      throw DataError(fmt::format("{}, line {}: {} cells, but the header has {}", path, number, cells.size(), names.size()));
    const std::int64_t k = whole(path, number, "Norder", cells[order]), n = whole(path, number, "Npix", cells[pixel]);
    if (k < 0 || k > max_healpix_order)
      throw DataError(fmt::format("{}, line {}: Norder {} is outside 0 to {}", path, number, k, max_healpix_order));
    if (n < 0 || n >= pixel_count(static_cast<int>(k)))
      throw DataError(fmt::format("{}, line {}: order {} has no pixel {}", path, number, k, n));
    pixels.push_back({static_cast<int>(k), n});
  }
  if (pixels.empty()) throw DataError(fmt::format("{}: lists no pixel", path));
  return pixels;
}

void check_overlaps(const std::string& path, const std::vector<HatsPixel>& pixels) {
  for (std::size_t i = 1; i < pixels.size(); ++i)
    // Sorted by their first keys, so that only neighbours can overlap: a pixel reaches to the first key of the next one of its order.
    if (first_key(pixels[i - 1].pixel + 1, pixels[i - 1].order) > first_key_of(pixels[i]))
      throw DataError(fmt::format("{}: Norder={} Npix={} and Norder={} Npix={} overlap (rows would be there twice)", path,
                                  pixels[i - 1].order, pixels[i - 1].pixel, pixels[i].order, pixels[i].pixel));
}

/// The files of a pixel: one, or those in a folder, as the suffix says.
std::vector<std::string> files_of(const std::string& folder, const HatsPixel& pixel, const std::string& suffix) {
  const std::string place = below(folder, hats_place(pixel));
  if (suffix == "/") {
    std::error_code error;
    if (fs::is_directory(place, error)) return parquet_files_below(place);
  } else if (is_there(place + suffix)) {
    return {place + suffix};
  }
  throw DataError(fmt::format("{}{}: is missing, though partition_info.csv lists it (its rows would be lost)", place, suffix));
}

/// Files that no pixel of the list names.
void check_unlisted(const std::string& folder, const std::vector<std::string>& listed) {
  const std::set<std::string> known(listed.begin(), listed.end());
  for (const std::string& file : parquet_files_below(below(folder, "dataset")))
    if (!known.contains(file)) throw DataError(fmt::format("{}: is not in partition_info.csv (its rows would be lost)", file));
}

std::string main_catalogue(const std::string& folder) {
  const std::string path = below(folder, collection_file);
  const std::string name = value_of(read_properties(path), "hats_primary_table_url");
  if (name.empty()) throw DataError(fmt::format("{}: no hats_primary_table_url (the catalogue of the collection)", path));
  if (name.find("://") != std::string::npos)
    throw DataError(fmt::format("{}: hats_primary_table_url = {}: addresses are not read", path, name));
  return below(folder, name);
}

}  // namespace

std::string hats_place(const HatsPixel& pixel) {
  // Dir groups ten thousand pixels in a folder, as the standard of HATS lays them out.
  return fmt::format("dataset/Norder={}/Dir={}/Npix={}", pixel.order, pixel.pixel / 10'000 * 10'000, pixel.pixel);
}

bool is_hats(const std::string& folder) { return is_there(below(folder, catalogue_file)) || is_there(below(folder, collection_file)); }

HatsCatalogue hats_catalogue(const std::string& folder) {
  // A collection is a catalogue with its margins and indexes; of these only the catalogue has each row once.
  if (!is_there(below(folder, catalogue_file)) && is_there(below(folder, collection_file))) {
    const std::string main = main_catalogue(folder);
    if (!is_there(below(main, catalogue_file))) throw IoError(fmt::format("{}: no such file", below(main, catalogue_file)));
    return hats_catalogue(main);
  }
  const std::string path = below(folder, catalogue_file);
  const Properties properties = read_properties(path);
  // Their rows are pairs, or the index of another table; a margin has copies of rows that are elsewhere, and is a table like any other.
  if (const std::string type = value_of(properties, "dataproduct_type"); type == "association" || type == "index" || type == "map")
    throw DataError(fmt::format("{}: dataproduct_type = {} (a catalogue of objects or sources is needed)", path, type));
  HatsCatalogue catalogue{folder,
                          read_pixels(below(folder, "partition_info.csv")),
                          {},
                          -1,
                          value_of(properties, "hats_col_ra"),
                          value_of(properties, "hats_col_dec")};
  if (const std::string rows = value_of(properties, "hats_nrows"); !rows.empty()) {
    const auto number = parse_integer(rows);
    if (!number || *number < 0) throw DataError(fmt::format("{}: hats_nrows = {} is no number of rows", path, rows));
    catalogue.rows = *number;
  }
  // In the order of the sky, whatever that of the list: rows that are neighbours are then read together.
  std::ranges::sort(catalogue.pixels, {}, first_key_of);
  check_overlaps(below(folder, "partition_info.csv"), catalogue.pixels);
  std::string suffix = value_of(properties, "hats_npix_suffix");
  if (suffix.empty()) suffix = ".parquet";
  for (const HatsPixel& pixel : catalogue.pixels)
    for (std::string& file : files_of(folder, pixel, suffix)) catalogue.files.push_back(std::move(file));
  check_unlisted(folder, catalogue.files);
  return catalogue;
}

}  // namespace skyfold
