#pragma once

#include <string>

#include "sky.hpp"

namespace skyfold {

/// Draws objects per square degree: in right ascension and declination, or, for what spans more than 60 degrees of declination or 90
/// of the sky along a parallel, the whole sky in Mollweide's projection. North is up, east is left.
/// @param counts  with at least one object
/// @param title   foreign text is allowed
void draw_footprint(const PixelCounts& counts, const std::string& title, const std::string& path);

}  // namespace skyfold
