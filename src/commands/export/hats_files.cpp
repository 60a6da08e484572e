// The files of a HATS catalogue beside its leaves (IVOA note "HATS", version 1.0). Nothing in them tells when or where they were written,
// so that equal rows have equal bytes.
#include "hats_files.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "skyfold/core/files.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/version.hpp"
#include "skyfold/io/healpix_map.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

int largest_order(const std::vector<Leaf>& leaves) {
  return std::ranges::max_element(leaves, {}, [](const Leaf& leaf) { return leaf.pixel.order; })->pixel.order;
}

std::string properties(const std::string& folder, const HatsDescription& d, const std::vector<Leaf>& leaves) {
  double covered = 0.0;
  std::int64_t bytes = 0;
  for (const Leaf& leaf : leaves) {
    // Leaves do not overlap, so their shares of the sky add up.
    covered += 1.0 / static_cast<double>(pixel_count(leaf.pixel.order));
    bytes += static_cast<std::int64_t>(std::filesystem::file_size(folder + "/" + leaf.place));
  }
  std::string text = "#HATS catalog\n";
  const auto add = [&](const char* key, const std::string& value) { text += fmt::format("{}={}\n", key, value); };
  add("obs_collection", d.collection);
  add("dataproduct_type", d.type);
  add("hats_nrows", std::to_string(d.rows));
  add("hats_col_ra", d.ra);
  add("hats_col_dec", d.dec);
  add("hats_col_healpix", "_healpix_29");
  add("hats_col_healpix_order", "29");
  add("hats_npix_suffix", ".parquet");
  if (d.primary.empty()) {
    add("hats_skymap_order", std::to_string(skymap_order(leaves)));
  } else {
    add("hats_primary_table_url", d.primary);
    add("hats_margin_threshold", shortest(d.margin_arcsec));
  }
  add("hats_max_rows", std::to_string(d.max_rows));
  add("hats_order", std::to_string(largest_order(leaves)));
  add("moc_sky_fraction", fmt::format("{:.5f}", covered));
  add("hats_builder", fmt::format("skyfold {}", program_version));
  if (!d.date.empty()) {
    add("hats_creation_date", d.date);
    add("hats_release_date", d.date);
  }
  // In KiB.
  add("hats_estsize", std::to_string((bytes + 1023) / 1024));
  add("hats_version", "v1.0");
  return text;
}

void write_skymap(const std::string& path, int order, std::span<const std::int64_t> counts) {
  HealpixMapLayout layout;
  layout.nside = 1L << order;
  layout.nested = true;
  layout.frame = Frame::equatorial;
  layout.columns = {{"count", "", Type::f8}};
  HealpixMapWriter::create(path, layout);
  const HealpixMapWriter writer(path, layout);
  const std::vector<double> values(counts.begin(), counts.end());
  const std::byte* const columns[] = {reinterpret_cast<const std::byte*>(values.data())};
  writer.write({0, static_cast<std::int64_t>(values.size())}, columns);
  writer.sync();
}

}  // namespace

int skymap_order(const std::vector<Leaf>& leaves) {
  // Finer than the leaves, so that the map shows more than they do; at order 10 it has 100 MB.
  constexpr int coarsest = 5, finest = 10, finer = 2;
  return std::clamp(largest_order(leaves) + finer, coarsest, finest);
}

void write_hats_files(const std::string& place, const HatsDescription& description, const std::vector<Leaf>& leaves, const Schema& schema,
                      const ParquetMetadata& metadata, const std::vector<ParquetStruct>& structs, std::span<const std::int64_t> counts) {
  const std::string folder = place.ends_with('/') ? place.substr(0, place.size() - 1) : place;
  const std::string text = properties(folder, description, leaves);
  write_durably(folder + "/hats.properties", text);
  // The older name of the same file, which readers of earlier catalogues look for.
  write_durably(folder + "/properties", text);
  std::string pixels = "Norder,Npix\n";
  for (const Leaf& leaf : leaves) pixels += fmt::format("{},{}\n", leaf.pixel.order, leaf.pixel.pixel);
  write_durably(folder + "/partition_info.csv", pixels);
  // A file without rows: readers learn the columns from it without opening a leaf.
  write_parquet(folder + "/dataset/_common_metadata", Table(schema, 0), metadata, structs);
  sync_path(folder + "/dataset/_common_metadata");
  std::vector<std::string> names;
  for (const Leaf& leaf : leaves) names.push_back(leaf.place.substr(std::string("dataset/").size()));
  write_parquet_index(folder + "/dataset/_metadata", folder + "/dataset", names);
  if (!counts.empty()) write_skymap(folder + "/skymap.fits", skymap_order(leaves), counts);
}

void remove_empty_folders(const std::string& folder) {
  std::vector<std::string> folders{folder};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_directory()) folders.push_back(entry.path().string());
  // Paths of what is in a folder are longer than its own, so that the deepest come first.
  std::ranges::sort(folders, std::greater(), &std::string::size);
  for (const std::string& each : folders)
    if (std::filesystem::is_empty(each)) std::filesystem::remove(each);
}

void write_collection(const std::string& folder, const std::string& name, const std::string& margin) {
  std::string text = fmt::format("#HATS Collection\nobs_collection={0}\nhats_primary_table_url={0}\n", name);
  if (!margin.empty()) text += fmt::format("all_margins={0}\ndefault_margin={0}\n", margin);
  write_durably(folder + "/collection.properties", text);
}

}  // namespace skyfold
