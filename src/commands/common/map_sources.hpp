#pragma once

#include <string>

#include "skyfold/dataset/roles.hpp"

namespace skyfold {

/// What is asked of a table of sources on maps: positions in any frame, and names. Throws UsageError for one coordinate without the other.
/// @param lon, lat, frame, id  values of --columns.lon, --columns.lat, --columns.frame and --columns.id; "": guessed
[[nodiscard]] RolesAsked asked_of_sources(const std::string& path, const std::string& lon, const std::string& lat, const std::string& frame,
                                          const std::string& id);

}  // namespace skyfold
