#pragma once

#include <span>
#include <string>
#include <vector>

#include "leaves.hpp"
#include "skyfold/io/parquet_file.hpp"

namespace skyfold {

/// What a HATS catalogue says of itself, beside its rows.
struct HatsDescription {
  std::string collection;       ///< obs_collection: its name
  std::string type = "object";  ///< dataproduct_type
  std::string ra, dec;          ///< names of the columns of positions
  std::string date;             ///< of creation and release; "" to say nothing
  std::string primary = {};     ///< of a margin: the catalogue that it belongs to
  double margin_arcsec = 0.0;
  std::int64_t rows = 0, max_rows = 0;
};

/// Order of the map of counts for leaves of these orders.
[[nodiscard]] int skymap_order(const std::vector<Leaf>& leaves);
/// Writes hats.properties (and its older name, properties), partition_info.csv, dataset/_common_metadata, dataset/_metadata and skymap.fits
/// into the folder of a catalogue, whose leaves are there.
/// @param counts  rows in each pixel of the map; none for a margin, which has none
void write_hats_files(const std::string& place, const HatsDescription& description, const std::vector<Leaf>& leaves, const Schema& schema,
                      const ParquetMetadata& metadata, const std::vector<ParquetStruct>& structs, std::span<const std::int64_t> counts);

/// Removes folders in which nothing is: leaves without rows have left theirs.
void remove_empty_folders(const std::string& folder);
/// Writes collection.properties.
/// @param margin  name of the margin catalogue; "": none
void write_collection(const std::string& folder, const std::string& name, const std::string& margin);

}  // namespace skyfold
