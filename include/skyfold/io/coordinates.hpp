#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "skyfold/io/source.hpp"

namespace skyfold {

/// Degrees per unit of angle as tables spell it ("rad", "Radians", "h", "hourangle", "arcsec", "mas", ...), or nothing for what
/// is not known as one. 1 for "" and for words that say "no unit".
[[nodiscard]] std::optional<double> degrees_per(std::string_view unit);

/// The input with its columns of longitude and latitude in degrees, as doubles with unit "deg": what is in another unit is
/// converted, which is logged once a file. The unit is what the input says, or that of `o.coordinates`, which counts more. Columns
/// that the input does not have, or that are not single numbers, stay as they are.
///
/// Throws DataError for a unit that is not one of angle, UsageError for one of `o.coordinates` that is not.
[[nodiscard]] std::unique_ptr<Source> in_degrees(std::unique_ptr<Source> source, const std::string& lon, const std::string& lat,
                                                 const SourceOptions& o);

}  // namespace skyfold
