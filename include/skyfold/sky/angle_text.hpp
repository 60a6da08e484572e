#pragma once

#include <string>
#include <string_view>

#include "skyfold/sky/healpix.hpp"

namespace skyfold {

/// A right ascension as users write it, in degrees: "10.68", or in hours "00:42:44.3", "0 42 44.3", "00h42m44.3s". Throws UsageError.
/// @param what  names it, for messages: "--cone"
[[nodiscard]] double parse_right_ascension(std::string_view text, const std::string& what);
/// A declination: "-41.27", "+41:16:09", "41d16m09s". Throws UsageError, also beyond +-90 degrees.
[[nodiscard]] double parse_declination(std::string_view text, const std::string& what);
/// An angle with its unit, in degrees: 0.2", 1', 0.5d; arcsec, arcmin, deg and the like, too. Throws UsageError for one that is negative,
/// or has no unit and is not 0: nobody should have to guess which it is.
[[nodiscard]] double parse_radius(std::string_view text, const std::string& what);

}  // namespace skyfold
