#pragma once

#include <string>
#include <vector>

#include "report.hpp"

namespace skyfold {

/// Scatter plot of measured fluxes over the catalogue's, as SVG; outliers are marked. Means of discs are scaled to the median of the
/// catalogue's fluxes.
void draw_fluxes(const std::vector<FluxPair>& pairs, const std::string& path);
/// What is drawn where the catalogue has no fluxes: how the first measurement of each map is distributed.
void draw_distributions(const std::string& product, const PatchSources& sources, const PatchMaps& maps, const PatchOptions& measure,
                        const std::string& path);

/// A source on a contact sheet.
struct Cutout {
  std::string title;
  std::size_t row = 0;  ///< of the product
};
/// Stamps of a map.
struct ContactSheet {
  std::size_t map = 0;
  std::string what;  ///< is shown: "brightest by mean"
  std::vector<Cutout> cutouts;
};
/// The brightest sources by the first pair's measured flux, and the worst outliers; without pairs the brightest by what was measured on
/// the first map.
[[nodiscard]] ContactSheet contact_sheet(const std::string& product, const PatchSources& sources, const PatchMaps& maps,
                                         const PatchOptions& measure, const std::vector<FluxPair>& pairs);

/// Draws a sheet as SVG: squares of twice the reach of the measurements, and of some pixels of the map at least, north up, east left, each
/// cell of the picture the map's value there, with the disc and the beam.
void draw_contact_sheet(const ContactSheet& sheet, const PatchSources& sources, PatchMaps& maps, const PatchOptions& measure,
                        const std::string& path);

}  // namespace skyfold
