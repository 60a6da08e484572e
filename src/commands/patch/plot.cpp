// Plots of patch: measured against catalogued fluxes, and cut-outs of the brightest sources and of the outliers.
#include "plot.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/gnuplot.hpp"

namespace skyfold {
namespace {

constexpr std::size_t cutouts_of_a_kind = 8;
constexpr int cutout_side = 41;  ///< pixels of a picture
constexpr double arcmin = std::numbers::pi / 180.0 / 60.0;

/// Values of the map on a square grid around a source, a line per row of the grid, "NaN" where there is none.
std::string picture(const PatchSources& sources, PatchMaps& maps, std::size_t index, std::size_t row) {
  const double lon = sources.table.at(sources.lon).number(row), lat = sources.table.at(sources.lat).number(row);
  // Rank 0 may not have measured this source, and so may lack the pixels around it.
  maps.need(lon, lat, sources.frame);
  const PatchMap& map = maps.map(index);
  const TangentBasis basis = FrameRotation(sources.frame, map.frame)(tangent_basis(angles_of(lon, lat)));
  const double reach = maps.reach_arcmin();
  std::string text;
  for (int j = 0; j < cutout_side; ++j)
    for (int i = 0; i < cutout_side; ++i) {
      const double x = (2.0 * i / (cutout_side - 1) - 1.0) * reach, y = (2.0 * j / (cutout_side - 1) - 1.0) * reach;
      const double radius = std::hypot(x, y) * arcmin;
      double value = std::nan("");
      if (radius <= reach * arcmin) {
        // The point at this distance and direction, along a great circle: a flat grid would be off by the cosine of the latitude.
        const double along = radius > 0.0 ? std::sin(radius) / radius * arcmin : 0.0, c = std::cos(radius);
        const auto component = [&](double Vector3::*k) { return c * basis.centre.*k + along * (x * basis.east.*k + y * basis.north.*k); };
        const std::int64_t ring =
            map.pixels.ring_pixel_at(angles_of(Vector3{component(&Vector3::x), component(&Vector3::y), component(&Vector3::z)}));
        value = map.intensity[map.is_nested ? map.pixels.nested_of_ring(ring) : ring];
      }
      text += std::isnan(value) ? fmt::format("{:.4f} {:.4f} NaN\n", x, y) : fmt::format("{:.4f} {:.4f} {:.6g}\n", x, y, value);
    }
  return text;
}

}  // namespace

void draw_fluxes(const std::vector<FluxPair>& pairs, const std::string& path) {
  std::string script, plots;
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    script += fmt::format("$pair{} << EOD\n", p);
    std::size_t n = 0;
    for (std::size_t i = 0; i < pairs[p].measured.size(); ++i)
      // Axes are logarithmic.
      if (pairs[p].measured[i] > 0.0 && pairs[p].catalogued[i] > 0.0)
        script += fmt::format("{:.6g} {:.6g}\n", pairs[p].catalogued[i], pairs[p].measured[i]), ++n;
    // gnuplot stops at an empty block.
    script += n == 0 ? "NaN NaN\nEOD\n" : "EOD\n";
    plots += fmt::format(
        "$pair{} using 1:2 with points pt 7 ps 0.35 title {}, ", p,
        gnuplot_text(fmt::format("{} over {}, median ratio {:.3f}", pairs[p].measure, pairs[p].column, pairs[p].comparison.median_ratio)));
  }
  script +=
      "set logscale xy\nset format '10^{%T}'\nset format xy '%g'\nset xlabel 'flux of the catalogue [Jy]'\nset ylabel 'flux measured "
      "[Jy]'\n"
      "set key top left\nset grid\n";
  script += "plot " + plots + "x with lines lc rgb '#999999' title 'equal'\n";
  draw_svg(GnuplotScript{700, 640, 13, script}, path);
}

std::vector<Cutout> chosen_cutouts(const PatchSources& sources, const std::vector<FluxPair>& pairs) {
  std::vector<std::size_t> order(sources.table.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (!pairs.empty()) {
    const std::vector<double>& flux = pairs[0].measured;
    std::erase_if(order, [&](std::size_t row) { return std::isnan(flux[row]); });
    // Stable, so that sources of equal flux are drawn in the order of the list.
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return flux[a] > flux[b]; });
  }
  std::vector<Cutout> cutouts;
  for (std::size_t i = 0; i < std::min(cutouts_of_a_kind, order.size()); ++i)
    cutouts.push_back({name_of_source(sources, order[i]), order[i]});
  if (pairs.empty()) return cutouts;
  const std::vector<std::size_t>& worst = pairs[0].comparison.outliers;
  // A source may be bright and an outlier: it is then drawn twice, under both titles.
  for (std::size_t i = 0; i < std::min(cutouts_of_a_kind, worst.size()); ++i)
    cutouts.push_back({fmt::format("outlier {}", name_of_source(sources, worst[i])), worst[i]});
  return cutouts;
}

void draw_cutouts(const std::vector<Cutout>& cutouts, const PatchSources& sources, PatchMaps& maps, std::size_t map,
                  const std::string& path) {
  constexpr int columns = 4;
  const int rows = std::max(1, (static_cast<int>(cutouts.size()) + columns - 1) / columns);
  std::string script;
  for (std::size_t i = 0; i < cutouts.size(); ++i)
    script += fmt::format("$cut{} << EOD\n{}EOD\n", i, picture(sources, maps, map, cutouts[i].row));
  script += fmt::format(
      "set multiplot layout {},{}\nset size ratio 1\nset xrange [{}:{}]\nset yrange [{}:{}]\nset xtics scale 0.5\nset colorbox\n", rows,
      columns, shortest(maps.reach_arcmin()), shortest(-maps.reach_arcmin()), shortest(-maps.reach_arcmin()),
      shortest(maps.reach_arcmin()));
  for (std::size_t i = 0; i < cutouts.size(); ++i)
    script += fmt::format("set title {}\nplot $cut{} using 1:2:3 with image notitle\n", gnuplot_text(cutouts[i].title), i);
  draw_svg(GnuplotScript{240 * columns, 230 * rows, 10, script + "unset multiplot\n"}, path);
}

}  // namespace skyfold
