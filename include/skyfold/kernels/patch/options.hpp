#pragma once

#include <string>
#include <vector>

namespace skyfold {

class OptionSet;

/// What is measured around each source; section `patch` of the configuration. Radii of the fluxes are in units of the
/// beam's FWHM.
struct PatchOptions {
  std::vector<std::string> measure = {"disc"};  ///< mean, disc, aperture, psf, gauss, polarisation
  double radius_arcmin = 10.0;                  ///< of the disc
  std::string membership = "exclusive";         ///< exclusive, inclusive, fractional
  double min_coverage = 0.5;                    ///< fraction of an area that must hold values

  double k0 = 1.0, k1 = 1.0, k2 = 2.0;  ///< aperture, and inner and outer radius of its annulus
  std::string background = "median";    ///< median, mean, clipped
  std::string noise = "white";          ///< white, correlated

  double psf_radius = 1.5, gauss_radius = 1.5;
  int gauss_iterations = 50;

  [[nodiscard]] bool measures(const std::string& what) const;
};
void describe(OptionSet& option, PatchOptions& o);
/// Throws UsageError for options that contradict each other.
void check(const PatchOptions& o);

/// Largest distance from a source of any pixel that is used, arcmin.
///
/// @param fwhm_arcmin  of the map's beam; not used where only discs are measured
[[nodiscard]] double reach_arcmin(const PatchOptions& o, double fwhm_arcmin);

}  // namespace skyfold
