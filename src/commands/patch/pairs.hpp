#pragma once

#include <string>
#include <vector>

#include "maps.hpp"
#include "sources.hpp"

namespace skyfold {

/// Which catalogue is measured on which map: what --maps, --sources and --manifest say together.
struct PatchPairing {
  std::vector<std::string> sources;  ///< as given: tables, or CATALOGUE=MAP
  std::string manifest;              ///< table with columns frequency, catalogue and map, and perhaps mask
};

/// Sets the tables and maps of a run. With pairs, or a manifest, there is one table for each map, and `true` is given; else one table for
/// all maps. Frequencies of a manifest name the channels, where no channels are named. Throws UsageError for what does not go together,
/// DataError for a manifest that lacks something.
[[nodiscard]] bool set_pairs(const PatchPairing& pairing, PatchSourceOptions& sources, PatchMapOptions& maps);

}  // namespace skyfold
