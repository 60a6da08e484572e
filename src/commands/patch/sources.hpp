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
  std::string path;
  std::string lon, lat, id, frame;  ///< columns, and their frame; "" = guessed
  std::string by = "healpix";       ///< patches: healpix, box
  long nside = 8;                   ///< of the patches
  SourceOptions input;
};
void describe(OptionSet& option, PatchSourceOptions& o);

/// Side of a patch, degrees.
[[nodiscard]] double patch_side_deg(const PatchSourceOptions& o);

/// The sources of a run, in memory, in the order of the sky: by nested HEALPix index at order 29 (ICRS), then by row. The same
/// on every rank.
struct PatchSources {
  Table table;               ///< all columns of the input, `row` (in the input, from 0) and `_healpix_29`
  std::string lon, lat, id;  ///< columns; id "" for none
  Frame frame = Frame::equatorial;
  std::vector<Partition> patches;
  std::vector<std::string> remarks;  ///< what was guessed or left out
};

/// Reads and sorts the sources. Throws UsageError for columns that are not there, DataError for a source without position.
[[nodiscard]] PatchSources read_patch_sources(const PatchSourceOptions& o);

}  // namespace skyfold
