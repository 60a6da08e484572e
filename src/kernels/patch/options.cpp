// Options of patch, and how far from a source they reach.
#include "skyfold/kernels/patch/options.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"

namespace skyfold {

bool PatchOptions::measures(const std::string& what) const { return std::find(measure.begin(), measure.end(), what) != measure.end(); }

void describe(OptionSet& option, PatchOptions& o) {
  option("measure", o.measure, "what to measure; disc includes mean").one_of({"mean", "disc", "aperture", "psf", "gauss", "polarisation"});
  option("patch.radius", o.radius_arcmin, "radius of the disc").unit("arcmin").range(0.001, 5400.0);
  option("patch.membership", o.membership,
         "pixels of a disc: exclusive, those with the centre inside; inclusive, all it touches; fractional, by area")
      .one_of({"exclusive", "inclusive", "fractional"});
  option("patch.min-coverage", o.min_coverage, "fraction of an area that must hold values, else the source is flagged").range(0.0, 1.0);
  option("aperture.radius", o.k0, "radius of the aperture").unit("FWHM").range(0.1, 10.0);
  option("aperture.inner", o.k1, "inner radius of the background annulus").unit("FWHM").range(0.1, 20.0);
  option("aperture.outer", o.k2, "outer radius of the background annulus").unit("FWHM").range(0.1, 20.0);
  option("aperture.background", o.background, "background from the annulus: median, mean, or mean of what 3-sigma clipping leaves")
      .one_of({"median", "mean", "clipped"});
  option("aperture.noise", o.noise, "noise of the map, for the error: white, or correlated over a beam").one_of({"white", "correlated"});
  option("psf.radius", o.psf_radius, "radius of the pixels that the beam is fitted to").unit("FWHM").range(0.1, 10.0);
  option("gauss.radius", o.gauss_radius, "radius of the pixels that the Gaussian is fitted to").unit("FWHM").range(0.1, 10.0);
  option("gauss.iterations", o.gauss_iterations, "steps of the Gaussian fit").range(1, 1000);
}

void check(const PatchOptions& o) {
  if (o.measure.empty()) throw UsageError("measure is empty (name at least one of mean, disc, aperture, psf, gauss, polarisation)");
  if (o.k2 <= o.k1) throw UsageError(fmt::format("aperture.outer = {} (must be larger than aperture.inner = {})", o.k2, o.k1));
  if (o.k1 < o.k0) throw UsageError(fmt::format("aperture.inner = {} (must not be smaller than aperture.radius = {})", o.k1, o.k0));
}

double reach_arcmin(const PatchOptions& o, double fwhm_arcmin) {
  double reach = o.measures("mean") || o.measures("disc") ? o.radius_arcmin : 0.0;
  if (o.measures("aperture")) reach = std::max(reach, o.k2 * fwhm_arcmin);
  if (o.measures("psf") || o.measures("polarisation")) reach = std::max(reach, o.psf_radius * fwhm_arcmin);
  if (o.measures("gauss")) reach = std::max(reach, o.gauss_radius * fwhm_arcmin);
  return reach;
}

}  // namespace skyfold
