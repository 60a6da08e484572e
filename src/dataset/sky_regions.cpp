// Regions of the sky from options: cones, boxes and polygons as texts, many cones as a table, coverage maps as files.
#include "skyfold/dataset/sky_regions.hpp"

#include <fmt/core.h>

#include <array>
#include <cmath>
#include <optional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/io/coordinates.hpp"
#include "skyfold/io/moc.hpp"
#include "skyfold/sky/angle_text.hpp"

namespace skyfold {
namespace {

std::vector<std::string> parts_of(const std::string& text, const char* option, std::size_t count, const char* form) {
  std::vector<std::string> parts = split(text, ',');
  if (parts.size() != count) throw UsageError(fmt::format("--{} '{}': {} parts (must be {})", option, text, parts.size(), form));
  return parts;
}

SkyArea cone_of(const std::string& text) {
  const std::vector<std::string> parts = parts_of(text, "cone", 3, "RA,DEC,RADIUS");
  SkyArea area;
  area.add_cone({parse_right_ascension(parts[0], "--cone"), parse_declination(parts[1], "--cone")}, parse_radius(parts[2], "--cone"));
  return area;
}

SkyArea box_of(const std::string& text) {
  const std::vector<std::string> parts = parts_of(text, "box", 4, "RA_MIN,RA_MAX,DEC_MIN,DEC_MAX");
  const double south = parse_declination(parts[2], "--box"), north = parse_declination(parts[3], "--box");
  if (south > north) throw UsageError(fmt::format("--box '{}': DEC_MIN = {} is larger than DEC_MAX = {}", text, parts[2], parts[3]));
  SkyArea area;
  area.add_box(parse_right_ascension(parts[0], "--box"), parse_right_ascension(parts[1], "--box"), south, north);
  return area;
}

SkyArea polygon_of(const std::string& text) {
  const std::vector<std::string> parts = split(text, ',');
  if (parts.size() < 6 || parts.size() % 2 != 0)
    throw UsageError(fmt::format("--polygon: {} numbers (must be RA,DEC of at least 3 corners)", parts.size()));
  std::vector<Position> corners;
  for (std::size_t i = 0; i < parts.size(); i += 2)
    corners.push_back({parse_right_ascension(parts[i], "--polygon"), parse_declination(parts[i + 1], "--polygon")});
  SkyArea area;
  try {
    area.add_polygon(corners);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("--polygon: {}", error.what()));
  }
  return area;
}

/// The column of radii of a table of cones, and degrees per its unit.
struct RadiusColumn {
  std::string name;
  double degrees = 0.0;
};
std::optional<RadiusColumn> radius_column(const Dataset& table) {
  const std::string name =
      known_column(table.schema(), std::array<std::string, 4>{"radius", "radius_arcsec", "radius_arcmin", "radius_deg"});
  if (name.empty()) return std::nullopt;
  const ColumnInfo& column = table.schema()[*find_column(table.schema(), name)];
  const std::string called = lower(name);
  const std::string unit = called == "radius" ? column.unit : called.substr(called.find('_') + 1);
  const std::optional<double> degrees = degrees_per(unit);
  if (unit.empty() || !degrees)
    throw DataError(fmt::format("{}: column {} has {} (call it radius_arcsec, radius_arcmin or radius_deg, or give --radius)", table.path(),
                                name, unit.empty() ? "no unit" : "the unit '" + unit + "', which is no angle"));
  return RadiusColumn{name, *degrees};
}

SkyArea cones_of(const RegionOptions& o, const SourceOptions& source) {
  Dataset table(o.cones, source);
  const TableRoles roles = find_roles(table.schema(), {.path = o.cones, .lon = RoleAsked{"", "", true}, .lat = RoleAsked{"", "", true}});
  const auto& [lon, lat, frame] = *roles.position;
  table.use_degrees(lon, lat);
  const std::optional<RadiusColumn> radii = o.radius.empty() ? radius_column(table) : std::nullopt;
  if (o.radius.empty() && !radii) throw UsageError(fmt::format("--cones {}: has no column of radii (give --radius, such as 1\")", o.cones));
  const double radius = o.radius.empty() ? 0.0 : parse_radius(o.radius, "--radius");
  Schema columns = {table.number_column(lon, "--cones"), table.number_column(lat, "--cones")};
  if (radii) columns.push_back(table.number_column(radii->name, "--cones"));
  SkyArea area;
  table.each_block(columns, 65'536, [&](const Table& rows, std::int64_t first_row) {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const Position at{rows[0].number(i), rows[1].number(i)};
      const double its_radius = radii ? rows[2].number(i) * radii->degrees : radius;
      const std::string where = fmt::format("{}, row {}", o.cones, first_row + static_cast<std::int64_t>(i) + 1);
      if (!is_valid(at))
        throw DataError(fmt::format("{}: {} = {}, {} = {} (no position in degrees)", where, lon, shortest(at.ra), lat, shortest(at.dec)));
      if (!(its_radius >= 0.0)) throw DataError(fmt::format("{}: {} = {} (must be >= 0)", where, radii->name, shortest(rows[2].number(i))));
      area.add_cone(at, its_radius);
    }
  });
  if (area.size() == 0) throw DataError(fmt::format("--cones {}: has no rows", o.cones));
  return area;
}

}  // namespace

std::vector<std::string> RegionOptions::files() const {
  std::vector<std::string> paths;
  for (const std::string& path : {cones, moc})
    if (!path.empty()) paths.push_back(path);
  return paths;
}

void describe(OptionSet& option, RegionOptions& o) {
  option("cone", o.cone,
         "rows within a radius of a position: RA,DEC,RADIUS; RA in degrees or as 00:42:44.3, the radius as 0.2\", 1' or 0.5d");
  option("cones", o.cones, "rows within any cone of a table with positions, and radii or --radius");
  option("radius", o.radius, "radius of all cones of --cones, with its unit: 0.2\", 1', 0.5d");
  option("box", o.box, "rows between right ascensions, eastward, and declinations: RA_MIN,RA_MAX,DEC_MIN,DEC_MAX");
  option("polygon", o.polygon, "rows within a polygon of great circles: RA,DEC of each corner");
  option("moc", o.moc, "rows within a multi-order coverage map (FITS)");
}

std::vector<SkyArea> read_areas(const RegionOptions& o, const SourceOptions& source) {
  if (!o.radius.empty() && o.cones.empty()) throw UsageError("--radius without --cones (a cone has its own: --cone RA,DEC,RADIUS)");
  std::vector<SkyArea> areas;
  if (!o.cone.empty()) areas.push_back(cone_of(o.cone));
  if (!o.cones.empty()) areas.push_back(cones_of(o, source));
  if (!o.box.empty()) areas.push_back(box_of(o.box));
  if (!o.polygon.empty()) areas.push_back(polygon_of(o.polygon));
  if (!o.moc.empty()) areas.emplace_back().add_region(read_moc(o.moc));
  return areas;
}

}  // namespace skyfold
