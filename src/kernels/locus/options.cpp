// Options of the locus search, and the rules that follow from them.
#include "skyfold/kernels/locus/options.hpp"

#include <fmt/core.h>

#include <cmath>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"

namespace skyfold {
namespace {

constexpr const char* column_prefix = "column:";

}  // namespace

void describe(OptionSet& option, LocusOptions& o) {
  option("rating", o.rating, "rating of a reference star: colour (likeness to the target), or column:NAME of the catalogue");
  option("locus.fov_ra", o.fov_ra, "width of the field of view along RA").unit("arcmin").range(0.01, 600.0);
  option("locus.fov_dec", o.fov_dec, "height of the field of view along Dec").unit("arcmin").range(0.01, 600.0);
  option("locus.radius", o.radius, "radius of a round field of view, instead of a rectangle; 0: none").unit("arcmin").range(0.0, 300.0);
  option("locus.angle", o.angle, "position angle of the field's height, from North to East").unit("degrees").range(-360.0, 360.0);
  option("locus.rotate", o.rotate,
         "position angles that are tried: this many from locus.angle on, evenly over 180 degrees, 90 for a square")
      .range(1, 3600);
  option("locus.band", o.band, "band of the observation, one of bands");
  option("locus.dmag", o.dmag, "largest difference between star and target in the band, 0 for none").unit("mag").range(0.0, 50.0);
  option("locus.dcol", o.dcol, "largest difference between star and target in each colour with the band").unit("mag").range(1e-6, 50.0);
  option("locus.colours", o.colours, "one or two colours of bands, such as BP-RP, in place of those of the band with its neighbours");
  option("locus.epoch", o.epoch, "year to which stars are moved by their proper motions, 0: as they are").unit("years").range(0.0, 3000.0);
  option("locus.epoch_from", o.epoch_from, "year of the positions in the catalogue, where it has no column of it")
      .unit("years")
      .range(0.0, 3000.0);
  option("locus.resolution", o.resolution, "stars closer to each other than this are not used, 0 for all").unit("arcsec").range(0.0, 600.0);
  option("locus.crowding_dmag", o.crowding_dmag, "unless they differ by at least this in the band").unit("mag").range(0.0, 50.0);
  option("locus.exclude_target", o.exclude_target, "the target, or a star that blends with it, is not a reference");
  option("locus.geometry", o.geometry, "plane of the field: tangent to the sky at the target, or a box in RA and Dec")
      .one_of({"tangent", "box"});
  option("locus.compat", o.compat, "locus6: the rules of the published program, version 6, instead of the exact search")
      .one_of({"none", "locus6"});
  option("locus.max_ref", o.max_ref, "reference stars listed per pointing at most, best first; 0: all").range(0, 1e9);
}

std::string rating_column(const LocusOptions& o) {
  if (o.rating == "colour") return {};
  const std::string prefix = column_prefix;
  if (o.rating.rfind(prefix, 0) != 0 || o.rating.size() == prefix.size())
    throw UsageError(fmt::format("rating = {} (must be colour or column:NAME)", o.rating));
  if (o.compat != "none") throw UsageError(fmt::format("rating = {} (locus.compat = {} knows the colour rule only)", o.rating, o.compat));
  return o.rating.substr(prefix.size());
}

namespace {

std::vector<double> angles_of(const LocusOptions& o) {
  const bool is_turned = o.angle != 0.0 || o.rotate > 1;
  if (is_turned && o.radius > 0.0)
    throw UsageError("locus.angle and locus.rotate do not go with locus.radius (a round field has no angle)");
  if (is_turned && (o.compat != "none" || o.geometry != "tangent"))
    throw UsageError("locus.angle and locus.rotate need locus.geometry = tangent and locus.compat = none");
  // A rectangle that is turned by half a turn is the same, a square by a quarter.
  const double whole = o.fov_ra == o.fov_dec ? 90.0 : 180.0;
  std::vector<double> angles;
  for (long k = 0; k < o.rotate; ++k) {
    const double angle = std::fmod(o.angle + whole * static_cast<double>(k) / static_cast<double>(o.rotate), 360.0);
    angles.push_back(angle < 0.0 ? angle + 360.0 : angle);
  }
  return angles;
}

FieldSize size_of(const LocusOptions& o) {
  const LocusOptions by_default;
  if (o.radius == 0.0) return {o.fov_ra / 60.0, o.fov_dec / 60.0};
  if (o.fov_ra != by_default.fov_ra || o.fov_dec != by_default.fov_dec)
    throw UsageError(fmt::format("locus.radius = {} (does not go with locus.fov_ra and locus.fov_dec)", o.radius));
  if (o.compat != "none") throw UsageError(fmt::format("locus.radius = {} (locus.compat = {} knows rectangles only)", o.radius, o.compat));
  if (o.radius < 0.005) throw UsageError(fmt::format("locus.radius = {} (must be 0 or at least 0.005)", o.radius));
  return {o.radius / 30.0, o.radius / 30.0};
}

}  // namespace

FieldSize LocusRules::zone() const noexcept {
  if (angles.size() == 1 && angles.front() == 0.0) return field;
  const double diagonal = std::hypot(field.width, field.height);
  return {diagonal, diagonal};
}

LocusRules::LocusRules(const LocusOptions& o)
    : field(size_of(o)),
      is_round(o.radius > 0.0),
      angles(angles_of(o)),
      dmag(o.dmag > 0.0 ? o.dmag : std::numeric_limits<double>::infinity()),
      dcol(o.dcol),
      resolution_deg(o.resolution / 3600.0),
      crowding_dmag(o.crowding_dmag),
      exclude_target(o.exclude_target),
      is_locus6(o.compat == "locus6"),
      has_given_ratings(!rating_column(o).empty()),
      needs_colours(!has_given_ratings),
      target_needs_magnitudes(needs_colours || o.dmag > 0.0),
      // Crowding is judged by magnitudes, too, so that faint neighbours do not count.
      needs_magnitudes(target_needs_magnitudes || o.resolution > 0.0),
      geometry(is_locus6 || o.geometry == "box" ? LocusGeometry::box : LocusGeometry::tangent),
      max_ref(o.max_ref > 0 ? static_cast<std::size_t>(o.max_ref) : std::numeric_limits<std::size_t>::max()) {}

}  // namespace skyfold
