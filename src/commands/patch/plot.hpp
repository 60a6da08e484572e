#pragma once

#include <string>
#include <vector>

#include "report.hpp"

namespace skyfold {

/// Scatter plot of measured fluxes over the catalogue's, as SVG.
void draw_fluxes(const std::vector<FluxPair>& pairs, const std::string& path);

/// A source on a contact sheet.
struct Cutout {
  std::string title;
  std::size_t row = 0;  ///< of the product
};
/// The brightest sources by the first pair's measured flux, and the worst outliers; without pairs the first sources.
[[nodiscard]] std::vector<Cutout> chosen_cutouts(const PatchSources& sources, const std::vector<FluxPair>& pairs);

/// Contact sheet of the map around sources, as SVG: squares of twice the reach of the measurements, north up, east left, each
/// pixel of the picture the map's value there.
void draw_cutouts(const std::vector<Cutout>& cutouts, const PatchSources& sources, PatchMaps& maps, std::size_t map,
                  const std::string& path);

}  // namespace skyfold
