#pragma once

#include <string>
#include <vector>

#include "skyfold/io/source.hpp"
#include "skyfold/sky/area.hpp"

namespace skyfold {

class OptionSet;

/// Regions of the sky as users give them; "" for none. What is given of them holds together: rows lie in all of them.
struct RegionOptions {
  std::string cone;     ///< RA,DEC,RADIUS
  std::string cones;    ///< a table with a cone a row; rows lie in any of them
  std::string radius;   ///< of those of a table without radii
  std::string box;      ///< RA_MIN,RA_MAX,DEC_MIN,DEC_MAX
  std::string polygon;  ///< RA,DEC,RA,DEC,... of its corners
  std::string moc;      ///< a coverage map in FITS

  [[nodiscard]] bool is_given() const noexcept { return !(cone.empty() && cones.empty() && box.empty() && polygon.empty() && moc.empty()); }
  /// Files that are read for it.
  [[nodiscard]] std::vector<std::string> files() const;
};
/// Options `cone`, `cones`, `radius`, `box`, `polygon`, `moc`.
void describe(OptionSet& option, RegionOptions& o);

/// The areas that the options name; none where nothing is given. Throws UsageError or DataError that names the option, or file and row.
/// @param source  how a table of cones is read
[[nodiscard]] std::vector<SkyArea> read_areas(const RegionOptions& o, const SourceOptions& source = {});

}  // namespace skyfold
