// Plots of patch: measured against catalogued fluxes, or how measurements are distributed, and stamps of the map around the brightest
// sources and the outliers.
#include "plot.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "../common/sky_picture.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/gnuplot.hpp"

namespace skyfold {
namespace {

constexpr std::size_t cutouts_of_a_kind = 8;
constexpr int cutout_side = 48;  ///< cells of a picture
constexpr double arcmin = std::numbers::pi / 180.0 / 60.0;
constexpr double least_reach_pixels = 4.0;  ///< of the map, from the middle of a stamp to its sides
constexpr const char* colours[] = {"#08519c", "#d94801", "#238b45", "#6a51a3", "#a50f15", "#525252"};

/// A stamp's values, a line per cell, and their range.
struct Picture {
  std::string cells;
  double low = INFINITY, high = -INFINITY;
};

/// From the middle of a stamp to its sides, arcmin.
double reach_of(const PatchMaps& maps, std::size_t map) {
  return std::max(maps.reach_arcmin(), least_reach_pixels * std::sqrt(maps.map(map).pixels.pixel_area_sr()) / arcmin);
}

/// The direction at a distance and position angle, along a great circle: a flat grid would be off by the cosine of the latitude.
Vector3 direction_at(const TangentBasis& basis, double x_arcmin, double y_arcmin) {
  const double radius = std::hypot(x_arcmin, y_arcmin) * arcmin, along = radius > 0.0 ? std::sin(radius) / radius * arcmin : 0.0;
  const auto component = [&](double Vector3::*k) {
    return std::cos(radius) * basis.centre.*k + along * (x_arcmin * basis.east.*k + y_arcmin * basis.north.*k);
  };
  return {component(&Vector3::x), component(&Vector3::y), component(&Vector3::z)};
}

Picture picture(const PatchSources& sources, PatchMaps& maps, std::size_t index, std::size_t row) {
  const double lon = sources.table.at(sources.lon).number(row), lat = sources.table.at(sources.lat).number(row);
  const double reach = reach_of(maps, index);
  // Rank 0 may not have measured this source, and the corners are farther away than any measurement.
  maps.need(lon, lat, sources.frame, reach * std::numbers::sqrt2);
  const PatchMap& map = maps.map(index);
  const TangentBasis basis = FrameRotation(sources.frame, map.frame)(tangent_basis(angles_of(lon, lat)));
  Picture made;
  for (int j = 0; j < cutout_side; ++j)
    for (int i = 0; i < cutout_side; ++i) {
      const double x = (2.0 * (i + 0.5) / cutout_side - 1.0) * reach, y = (2.0 * (j + 0.5) / cutout_side - 1.0) * reach;
      const std::int64_t ring = map.pixels.ring_pixel_at(angles_of(direction_at(basis, x, y)));
      const double value = map.intensity[map.is_nested ? map.pixels.nested_of_ring(ring) : ring];
      made.cells += picture_cell(x, y, value);
      made.low = std::fmin(made.low, value), made.high = std::fmax(made.high, value);
    }
  return made;
}

/// The columns that sources can be ordered by, best first.
std::string first_quantity(const PatchOptions& measure) {
  for (const auto& [what, column] :
       {std::pair{"aperture", "aper_flux"}, {"psf", "psf_flux"}, {"gauss", "gau_flux"}, {"polarisation", "pol_flux"}})
    if (measure.measures(what)) return column;
  return "mean";
}

/// What a stamp is drawn on: its place on the sheet, pixels from the top left.
struct SheetCell {
  int left = 0, top = 0;
};
constexpr int sheet_columns = 4, cell_width = 290, cell_height = 238, plot_side = 168, head = 74;

std::string margins(const SheetCell& cell, int width, int height) {
  const auto x = [&](int pixels) { return static_cast<double>(pixels) / width; };
  const auto y = [&](int pixels) { return 1.0 - static_cast<double>(pixels) / height; };
  return fmt::format(
      "set lmargin at screen {:.5f}\nset rmargin at screen {:.5f}\nset tmargin at screen {:.5f}\nset bmargin at screen {:.5f}\nset "
      "colorbox "
      "user origin screen {:.5f},{:.5f} size screen {:.5f},{:.5f}\n",
      x(cell.left), x(cell.left + plot_side), y(cell.top), y(cell.top + plot_side), x(cell.left + plot_side + 6), y(cell.top + plot_side),
      x(9), static_cast<double>(plot_side) / height);
}

/// Three labels at the colours: more would not fit.
std::string colour_tics(const Picture& picture) {
  if (!(picture.high > picture.low)) {
    const double value = std::isfinite(picture.low) ? picture.low : 0.0, some = std::max(std::abs(value), 1.0) * 1e-3;
    return fmt::format("set cbrange [{:.9g}:{:.9g}]\nset cbtics ('{:.4g}' {:.9g})\n", value - some, value + some, value, value);
  }
  const double middle = 0.5 * (picture.low + picture.high);
  return fmt::format("set cbrange [{:.9g}:{:.9g}]\nset cbtics ('{:.3g}' {:.9g}, '{:.3g}' {:.9g}, '{:.3g}' {:.9g})\n", picture.low,
                     picture.high, picture.low, picture.low, middle, middle, picture.high, picture.high);
}

/// The circles of the disc and the beam, and the words for them.
std::string circles(const PatchMap& map, const PatchOptions& measure, std::string& legend) {
  std::string script;
  if (measure.measures("mean") || measure.measures("disc")) {
    script +=
        fmt::format("set object 1 circle at 0,0 size {:.6g} front fillstyle empty border lc rgb '#e31a1c' lw 1.8\n", measure.radius_arcmin);
    legend += fmt::format(", red circle: disc of {:.4g} arcmin", measure.radius_arcmin);
  }
  if (map.beam.fwhm_arcmin > 0.0) {
    script += fmt::format("set object 2 circle at 0,0 size {:.6g} front fillstyle empty border lc rgb '#fd8d3c' lw 1.8 dashtype 2\n",
                          0.5 * map.beam.fwhm_arcmin);
    legend += fmt::format(", orange and dashed: beam of FWHM {:.4g} arcmin", map.beam.fwhm_arcmin);
  }
  return script;
}

/// A scatter of values over others, for gnuplot; outliers apart.
std::string pair_data(const FluxPair& pair, std::size_t number) {
  std::vector<bool> is_outlier(pair.measured.size(), false);
  for (const std::size_t row : pair.comparison.outliers) is_outlier[row] = true;
  std::string usual, far;
  for (std::size_t i = 0; i < pair.measured.size(); ++i)
    // Axes are logarithmic.
    if (pair.measured[i] > 0.0 && pair.catalogued[i] > 0.0)
      (is_outlier[i] ? far : usual) += fmt::format("{:.6g} {:.6g}\n", pair.catalogued[i], pair.measured[i]);
  // gnuplot stops at an empty block.
  const auto block = [](const std::string& lines) { return lines.empty() ? std::string("NaN NaN\n") : lines; };
  return fmt::format("$pair{} << EOD\n{}EOD\n$far{} << EOD\n{}EOD\n", number, block(usual), number, block(far));
}

/// Ends of both axes: those of all that is drawn, with some room.
std::pair<double, double> flux_range(const std::vector<FluxPair>& pairs) {
  double low = INFINITY, high = 0.0;
  for (const FluxPair& pair : pairs)
    for (std::size_t i = 0; i < pair.measured.size(); ++i)
      if (pair.measured[i] > 0.0 && pair.catalogued[i] > 0.0) {
        low = std::min({low, pair.measured[i], pair.catalogued[i]});
        high = std::max({high, pair.measured[i], pair.catalogued[i]});
      }
  return high > 0.0 ? std::pair{low / 1.5, high * 1.5} : std::pair{0.1, 10.0};
}

}  // namespace

void draw_fluxes(const std::vector<FluxPair>& pairs, const std::string& path) {
  const auto [low, high] = flux_range(pairs);
  std::string script, plots;
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    const FluxPair& pair = pairs[p];
    const std::string colour = colours[p % std::size(colours)];
    script += pair_data(pair, p);
    const std::string channel = pair.channel.empty() ? "" : pair.channel + ": ";
    const std::string words = pair.is_normalised()
                                  ? fmt::format("mean x {} over {}", factor_of(pair), pair.column)
                                  : fmt::format("{} over {}, median ratio {:.3f}", pair.measure, pair.column, pair.comparison.median_ratio);
    plots += fmt::format(
        ", \\\n $pair{} using 1:2 with points pt 7 ps 0.35 lc rgb '{}' title {}", p, colour,
        gnuplot_text(fmt::format("{}{}, scatter {:.3f}, {} sources", channel, words, pair.comparison.scatter, pair.comparison.n)));
    if (!pair.comparison.outliers.empty())
      plots += fmt::format(", \\\n $far{} using 1:2 with points pt 6 ps 0.8 lw 1.3 lc rgb '{}' title '{} outliers of these'", p, colour,
                           pair.comparison.outliers.size());
  }
  script += fmt::format(
      "set logscale xy\nset format xy '%g'\nset xrange [{0:.6g}:{1:.6g}]\nset yrange [{0:.6g}:{1:.6g}]\nset size ratio 1\nset title "
      "'Fluxes "
      "measured and catalogued'\nset xlabel 'flux of the catalogue [Jy]'\nset ylabel 'flux measured [Jy]'\nset key below left maxcols 1 "
      "height 1 "
      "reverse Left\nset grid lc rgb '#dddddd'\nplot x with lines lc rgb '#999999' title 'equal'",
      low, high);
  const int height = 660 + 22 * 2 * static_cast<int>(pairs.size());
  draw_svg(GnuplotScript{680, height, 13, script + plots + "\n"}, path);
}

void draw_distributions(const std::string& product, const PatchSources& sources, const PatchMaps& maps, const PatchOptions& measure,
                        const std::string& path) {
  constexpr int bins = 40;
  const std::string quantity = first_quantity(measure);
  std::string script, plots;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    std::vector<double> values = measured_on(product, sources, maps, i, quantity);
    std::erase_if(values, [](double value) { return !std::isfinite(value); });
    // The ends hold few values far away, which would leave one bar for all others.
    const double low = values.empty() ? 0.0 : quantile(values, 0.01), high = values.empty() ? 0.0 : quantile(values, 0.99);
    const double width = high > low ? (high - low) / bins : std::max(std::abs(low), 1.0) / bins;
    std::vector<int> counts(bins + 2, 0);
    for (const double value : values)
      if (const double bin = std::floor((value - low) / width); bin >= 0.0 && bin <= bins) ++counts[static_cast<std::size_t>(bin) + 1];
    script += fmt::format("$count{} << EOD\n", i);
    for (int bin = 0; bin < bins + 2; ++bin)
      script += fmt::format("{:.6g} {}\n", low + (bin - 0.5) * width, counts[static_cast<std::size_t>(bin)]);
    script += "EOD\n";
    plots += fmt::format("{}$count{} using 1:2 with histeps lw 1.6 lc rgb '{}' title {}", i == 0 ? "plot " : ", \\\n ", i,
                         colours[i % std::size(colours)], gnuplot_text(fmt::format("{}, {} sources", maps.label(i), values.size())));
  }
  const std::string unit = quantity == "mean" ? maps.map(0).unit : "Jy";
  script += fmt::format(
      "set title 'The table has no fluxes to compare with: what was measured'\nset xlabel {}\nset ylabel 'sources per bin'\nset yrange "
      "[0:*]\nset key below\nset grid lc rgb '#dddddd'\nset format x '%g'\n",
      gnuplot_text(fmt::format("{}{}, from the 1st to the 99th percentile", quantity, unit.empty() ? "" : " [" + unit + "]")));
  draw_svg(GnuplotScript{680, 480, 13, script + plots + "\n"}, path);
}

ContactSheet contact_sheet(const std::string& product, const PatchSources& sources, const PatchMaps& maps, const PatchOptions& measure,
                           const std::vector<FluxPair>& pairs) {
  ContactSheet sheet{pairs.empty() ? 0 : pairs[0].map, "", {}};
  const std::string quantity = first_quantity(measure);
  const std::vector<double> brightness = pairs.empty() ? measured_on(product, sources, maps, sheet.map, quantity) : pairs[0].measured;
  sheet.what = "the brightest by " + (pairs.empty() ? quantity : pairs[0].measure);
  std::vector<std::size_t> order(sources.table.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t row) { return std::isnan(brightness[row]); });
  // Stable, so that sources of equal flux are drawn in the order of the list.
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return brightness[a] > brightness[b]; });
  for (std::size_t i = 0; i < std::min(cutouts_of_a_kind, order.size()); ++i)
    sheet.cutouts.push_back({name_of_source(sources, order[i]), order[i]});
  if (pairs.empty()) return sheet;
  const std::vector<std::size_t>& worst = pairs[0].comparison.outliers;
  if (!worst.empty()) sheet.what += ", then the worst outliers";
  // A source may be bright and an outlier: it is then drawn twice, under both titles.
  for (std::size_t i = 0; i < std::min(cutouts_of_a_kind, worst.size()); ++i)
    sheet.cutouts.push_back({fmt::format("outlier {}", name_of_source(sources, worst[i])), worst[i]});
  return sheet;
}

void draw_contact_sheet(const ContactSheet& sheet, const PatchSources& sources, PatchMaps& maps, const PatchOptions& measure,
                        const std::string& path) {
  const int rows = std::max(1, (static_cast<int>(sheet.cutouts.size()) + sheet_columns - 1) / sheet_columns);
  const int width = sheet_columns * cell_width + 30, height = head + rows * cell_height;
  const PatchMap& map = maps.map(sheet.map);
  const double reach = reach_of(maps, sheet.map);
  std::string legend = "north up, east left", script = circles(map, measure, legend);
  script += fmt::format(
      "set multiplot\nset label 1 {} at screen 0.5,{:.4f} center font ',15'\nset label 2 {} at screen 0.5,{:.4f} center\n"
      "set label 3 'offset east [arcmin]' at screen 0.5,{:.4f} center\nset label 4 'offset north [arcmin]' at screen {:.4f},0.5 center "
      "rotate\n",
      gnuplot_text(fmt::format("{}{}: {}", maps.label(sheet.map), map.unit.empty() ? "" : " [" + map.unit + "]", sheet.what)),
      1.0 - 18.0 / height, gnuplot_text(legend), 1.0 - 40.0 / height, 11.0 / height, 12.0 / width);
  const double step = round_step(2.0 * reach, 3);
  script += fmt::format(
      "set palette defined (0 '#c8ddf0', 0.35 '#6baed6', 0.7 '#2171b5', 1 '#08264f')\nset xrange [{0:.6g}:{1:.6g}]\nset yrange "
      "[{1:.6g}:{0:.6g}]\nset xtics {2:.6g}\nset ytics {2:.6g}\nset tics out scale 0.5 nomirror\nset key off\n",
      reach, -reach, step);
  // An empty sheet still has its axes.
  if (sheet.cutouts.empty()) script += margins({56, head}, width, height) + "set title 'no source has a value'\nplot NaN\n";
  for (std::size_t i = 0; i < sheet.cutouts.size(); ++i) {
    const Picture stamp = picture(sources, maps, sheet.map, sheet.cutouts[i].row);
    const int column = static_cast<int>(i) % sheet_columns, row = static_cast<int>(i) / sheet_columns;
    script += fmt::format("$cut{} << EOD\n{}EOD\n", i, stamp.cells) +
              margins({56 + column * cell_width, head + row * cell_height}, width, height) + colour_tics(stamp);
    script += fmt::format("set title {} offset 0,-0.6\nplot $cut{} using 1:2:3 with image\nunset for [n=1:4] label n\n",
                          gnuplot_text(sheet.cutouts[i].title), i);
  }
  draw_svg(GnuplotScript{width, height, 11, script + "unset multiplot\n"}, path);
}

}  // namespace skyfold
