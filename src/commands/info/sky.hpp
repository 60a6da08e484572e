#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "depth.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/table/photometry.hpp"

namespace skyfold {

/// The finest order whose pixels are counted, which pictures are made of: NSide 1024, 11.8 square arcminutes.
inline constexpr int counted_order = 10;
/// Objects per pixel of an order, NESTED.
using PixelCounts = std::vector<std::uint32_t>;

/// The columns of a table that tell where its objects are.
struct SkyColumns {
  std::string key;      ///< nested HEALPix index of order 29, of a catalogue; "": by position
  std::string ra, dec;  ///< of other tables, degrees
};
/// Nothing for a table without positions. Coordinates of `dataset` are in degrees afterwards.
[[nodiscard]] std::optional<SkyColumns> sky_columns(Dataset& dataset);

/// What is asked about the sky of a table.
struct SkyRequest {
  std::optional<SkyColumns> columns;  ///< none: neither pixels nor a map
  int pixel_order = counted_order;    ///< of the pixels that are counted
  std::optional<BandColumns> depth;   ///< magnitudes whose depth is wanted
  BandOptions bands;                  ///< which magnitudes are none
  double bin = 0.1;                   ///< mag
  int map_order = -1;                 ///< of the map of depth; -1: none
  std::string tile;                   ///< column of tiles whose depth is wanted; "": none
};

/// Counts of magnitudes, for each band.
using BandCounts = std::vector<DepthHistogram>;
/// What one reading of a table found.
struct SkySummary {
  PixelCounts pixels;
  std::int64_t without_position = 0;
  BandCounts depth;
  std::map<std::int64_t, BandCounts> map;  ///< by pixel
  std::map<std::string, BandCounts> tiles;
};
/// Reads the columns it needs once, block after block. Throws DataError for a cell that cannot be read.
[[nodiscard]] SkySummary summarise_sky(const Dataset& dataset, const SkyRequest& request);

/// Pixels with objects of an order up to that of the pixels that were counted, and their sky area in square degrees.
struct CoveredArea {
  std::int64_t pixels = 0;
  double deg2 = 0.0;
};
[[nodiscard]] CoveredArea covered_area(const PixelCounts& counts, int order);

}  // namespace skyfold
