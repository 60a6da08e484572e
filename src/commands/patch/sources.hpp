#pragma once

#include <string>
#include <vector>

#include "skyfold/core/options.hpp"
#include "skyfold/io/source.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/sky/frame.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// How the sources are given, and how the sky is cut.
struct PatchSourceOptions {
  std::vector<std::string> paths;                           ///< one table, or one per map, whose sources are measured on it alone
  std::string lon, lat, id, frame;                          ///< columns, and their frame; "" = guessed
  std::string ordering = "healpix", ordering_column, tile;  ///< of the product; columns of attribute and tiles
  std::string by = "healpix";                               ///< patches: healpix, box
  std::string bins = "equal:10";                            ///< patches of an attribute
  long nside = 8;                                           ///< of the patches
  SourceOptions input;
};
void describe(OptionSet& option, PatchSourceOptions& o);

/// Side of a patch, degrees.
[[nodiscard]] double patch_side_deg(const PatchSourceOptions& o);

/// The sources of a run, in memory, in the order of the sky: by nested HEALPix index at order 29 (ICRS), then by row; or first by tile, or
/// by an attribute. The same on every rank.
struct PatchSources {
  Table table;               ///< all columns of the input, `row` (in the input, from 0) and `_healpix_29`
  std::string lon, lat, id;  ///< columns; id "" for none
  Ordering ordering = Ordering::healpix;
  std::string tile, attribute;  ///< columns that rows are ordered by; "" for none
  Frame frame = Frame::equatorial;
  std::vector<std::int32_t> own_map;  ///< by row, from 0; empty: all sources are measured on all maps
  std::vector<Partition> patches;
  std::vector<std::string> remarks;  ///< what was guessed or left out
};

/// The map of a source has a name and a unit.
struct OwnMap {
  std::string label, unit;
};
/// Columns that sources have which are measured on maps of their own: number of the map from 1, its channel and its unit.
inline constexpr const char *own_map_column = "map", *own_channel_column = "channel", *own_unit_column = "map_unit";

/// Reads and sorts the sources.
/// @param own  of several tables the maps of each; empty for one table that is measured on all maps. Of several tables those columns are
///             taken that all of them have; `row` is that in the table
/// Throws UsageError for columns that are not there, DataError for a source without position.
[[nodiscard]] PatchSources read_patch_sources(const PatchSourceOptions& o, const std::vector<OwnMap>& own);

}  // namespace skyfold
