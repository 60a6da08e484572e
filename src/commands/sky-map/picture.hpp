#pragma once

#include <string>

#include "options.hpp"
#include "statistics.hpp"

namespace skyfold {

/// Draws one column of the table of pixels in the file `table`, averaged to pixels that can be seen.
/// @returns what is said about the picture: the projection, and pixels that are larger than those of the map
std::string draw_map(const std::string& path, const std::string& table, const SkyMapOptions& o, const MapStatistics& statistics);

}  // namespace skyfold
