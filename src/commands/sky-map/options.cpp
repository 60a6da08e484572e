// Options of sky-map: rows, pixels, statistics, outputs.
#include "options.hpp"

#include <fmt/core.h>

#include "skyfold/core/error.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {

void describe(OptionSet& option, SkyMapOptions& o) {
  option("catalogue", o.catalogue, "catalogue or product of skyfold, with positions").required().positional().layout();
  option("nside", o.nside, "HEALPix NSide of the pixels, a power of two").range(1, 536'870'912);
  option("stat", o.statistics,
         "statistics of each pixel: count, or count, mean, std, min, max, median of a number calculated from columns, as in "
         "'mean:mag_g - mag_r as gr', or depth10:MAG:ERR, the 10-sigma depth");
  option("where", o.where, "condition that rows must meet (see docs/conditions.md)");
  describe(option, o.region);
  option("output", o.output, "table with a row for each pixel that has rows, HDF5").required().layout().writes(FileKind::hdf5);
  option("map", o.map, "HEALPix map with a column for each statistic, FITS, NESTED").layout().writes(FileKind::fits);
  option("map.coverage", o.coverage, "pixels of --map: partial, those that have rows, or full, all of the sky (NSide up to 8192)")
      .one_of({"partial", "full"});
  option("healsparse", o.healsparse, "the same as a map of healsparse").layout();
  option("healsparse.nside", o.healsparse_nside, "NSide of its coarse pixels, a power of two").range(1, 8192);
  option("plot", o.plot, "picture of one statistic, SVG").layout();
  option("plot.column", o.plot_column, "which column of the table; empty: the first statistic").layout();
  option("plot.projection", o.projection,
         "gnomonic, about the middle of what has rows; mollweide, the whole sky; auto: gnomonic up to 60 degrees across")
      .one_of({"auto", "gnomonic", "mollweide"})
      .layout();
  option("plot.scale", o.plot_scale, "linear or log; auto: log for counts that span decades").one_of({"auto", "linear", "log"}).layout();
}

std::vector<std::string> SkyMapOptions::products() const {
  std::vector<std::string> paths = {output};
  for (const std::string& path : {map, healsparse, plot})
    if (!path.empty()) paths.push_back(path);
  return paths;
}

void check(const SkyMapOptions& o) {
  (void)order_of_nside(o.nside);
  const SkyMapOptions usual;
  if (o.map.empty()) refuse_idle_options("--map", {{"map.coverage", o.coverage != usual.coverage}});
  if (o.healsparse.empty()) refuse_idle_options("--healsparse", {{"healsparse.nside", o.healsparse_nside != usual.healsparse_nside}});
  if (o.plot.empty())
    refuse_idle_options("--plot", {{"plot.column", !o.plot_column.empty()},
                                   {"plot.projection", o.projection != usual.projection},
                                   {"plot.scale", o.plot_scale != usual.plot_scale}});
  if (o.coverage == "full" && o.nside > 8192)
    throw UsageError(
        fmt::format("--map.coverage full: all pixels of NSide {} are too many for a file (at most 8192; partial lists those "
                    "that have rows)",
                    o.nside));
  if (!o.healsparse.empty() && order_of_nside(o.healsparse_nside) > order_of_nside(o.nside))
    throw UsageError(fmt::format("healsparse.nside = {} (must be <= nside = {})", o.healsparse_nside, o.nside));
}

}  // namespace skyfold
