// Pictures of the sky: rasters whose cells ask what there is at their place, so that they cost the same for any number of pixels.
#include "sky_picture.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr double degree = std::numbers::pi / 180.0;

/// Mollweide's auxiliary angle: 2 t + sin 2 t = pi sin(dec), by Newton's method (Snyder 1987, Map Projections, USGS 1395, p. 251).
double auxiliary_angle(double dec) {
  double t = dec;
  for (int i = 0; i < 50; ++i) {
    const double slope = 2.0 + 2.0 * std::cos(2.0 * t);
    if (slope < 1e-9) break;  // at a pole
    t -= (2.0 * t + std::sin(2.0 * t) - std::numbers::pi * std::sin(dec)) / slope;
  }
  return t;
}

/// Where on a meridian its label covers no object; on the equator where there is no such place.
double free_declination(const SkyField& field, double ra) {
  for (const double dec : {0.0, 30.0, -30.0, 60.0, -60.0}) {
    bool is_free = true;
    // The label stands to the right of the meridian and above the parallel.
    for (double east = 0.0; east <= 16.0; east += 2.0)
      for (double north = 0.0; north <= 8.0; north += 2.0)
        is_free = is_free && std::isnan(field.at({std::fmod(ra - east / std::cos(dec * degree) + 720.0, 360.0), dec + north}));
    if (is_free) return dec;
  }
  return 0.0;
}

/// Meridians and parallels each 30 degrees, and their labels.
std::string graticule(const SkyField& field, double centre) {
  std::string data = "$lines << EOD\n", labels;
  for (int meridian = -180; meridian <= 180; meridian += 30, data += "\n")
    for (int dec = -90; dec <= 90; dec += 3) {
      const double t = auxiliary_angle(dec * degree);
      data += fmt::format("{:.5f} {:.5f}\n", -2.0 * meridian / 180.0 * std::cos(t), std::sin(t));
    }
  for (int dec = -60; dec <= 60; dec += 30, data += "\n") {
    const double t = auxiliary_angle(dec * degree);
    data += fmt::format("{:.5f} {:.5f}\n{:.5f} {:.5f}\n", -2.0 * std::cos(t), std::sin(t), 2.0 * std::cos(t), std::sin(t));
    labels += fmt::format("set label '{}°' at {:.4f},{:.4f} right offset -0.6,0\n", dec, -2.0 * std::cos(t), std::sin(t));
  }
  for (int meridian = -120; meridian <= 120; meridian += 60) {
    const double ra = std::fmod(centre + meridian + 360.0, 360.0), t = auxiliary_angle(free_declination(field, ra) * degree);
    labels += fmt::format("set label '{:.0f}°' at {:.4f},{:.4f} left offset 0.2,0.5 front\n", ra, -2.0 * meridian / 180.0 * std::cos(t),
                          std::sin(t));
  }
  return data + "EOD\n" + labels;
}

/// The place that the tangent plane at `centre` has at x (east) and y (north), radians (Calabretta & Greisen 2002, A&A 395, 1077, 5.1.3).
Position deprojected(Position centre, double x, double y) {
  const double sin0 = std::sin(centre.dec * degree), cos0 = std::cos(centre.dec * degree);
  const double north = cos0 - y * sin0;
  double ra = centre.ra + std::atan2(x, north) / degree;
  ra -= 360.0 * std::floor(ra / 360.0);
  return {ra >= 360.0 ? 0.0 : ra, std::atan2(sin0 + y * cos0, std::hypot(x, north)) / degree};
}

}  // namespace

std::string picture_cell(double x, double y, double value) {
  return std::isnan(value) ? fmt::format("{:.5f} {:.5f} NaN\n", x, y) : fmt::format("{:.5f} {:.5f} {:.5g}\n", x, y, value);
}

double round_step(double width, int labels) {
  const double decade = std::pow(10.0, std::floor(std::log10(width / labels)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (width / (factor * decade) <= labels + 2) return factor * decade;
  return 10.0 * decade;
}

std::string picture_settings(const SkyField& field) {
  const std::string range = field.high > field.low ? fmt::format("set cbrange [{:.6g}:{:.6g}]\n", field.low, field.high) : "";
  return range + fmt::format(
                     "set title {}\nset palette defined (0 '#c8ddf0', 0.35 '#6baed6', 0.7 '#2171b5', 1 '#08264f')\nset cblabel "
                     "{}.\"\\n\".{} offset 1,0\n"
                     "set rmargin 17\nset key off\n{}",
                     gnuplot_text(field.title), gnuplot_text(field.label), gnuplot_text(field.remark),
                     field.is_log ? "set logscale cb\nset format cb '10^{%T}'\nset format cb '%g'\n" : "");
}

GnuplotScript mollweide_picture(const SkyField& field, double centre) {
  // Twice as wide as high, as the projection is: cells are square.
  constexpr int columns = 600, rows = 300;
  std::string data = "$sky << EOD\n";
  for (int j = 0; j < rows; ++j)
    for (int i = 0; i < columns; ++i) {
      const double x = -2.0 + 4.0 * (i + 0.5) / columns, y = -1.0 + 2.0 * (j + 0.5) / rows;
      const double t = std::asin(y), lon = -std::numbers::pi * x / (2.0 * std::cos(t)) / degree;
      const double dec = std::asin(std::clamp((2.0 * t + std::sin(2.0 * t)) / std::numbers::pi, -1.0, 1.0)) / degree;
      data += picture_cell(x, y, std::abs(lon) > 180.0 ? std::nan("") : field.at({std::fmod(centre + lon + 720.0, 360.0), dec}));
    }
  return {
      960, 520, 12,
      data + "EOD\n" + graticule(field, centre) + picture_settings(field) +
          "set size ratio 0.5\nset xrange [-2.15:2.02]\nset yrange [-1.02:1.02]\nunset border\nunset tics\nset cbtics\nset xlabel 'right "
          "ascension, declination (Mollweide)'\nplot $sky using 1:2:3 with image, $lines using 1:2 with lines lw 0.5 lc rgb '#999999'\n"};
}

GnuplotScript gnomonic_picture(const SkyField& field, Position centre, double reach_x, double reach_y) {
  constexpr double cells = 420.0;  // along the longer side
  const double reach = std::max(reach_x, reach_y);
  const int columns = std::max(8, static_cast<int>(cells * reach_x / reach)), rows = std::max(8, static_cast<int>(cells * reach_y / reach));
  // Small fields are told in the unit that has round numbers.
  const bool in_arcmin = reach < 0.5;
  const double unit = in_arcmin ? 60.0 : 1.0;
  std::string data = "$sky << EOD\n";
  for (int j = 0; j < rows; ++j)
    for (int i = 0; i < columns; ++i) {
      const double x = (2.0 * (i + 0.5) / columns - 1.0) * reach_x, y = (2.0 * (j + 0.5) / rows - 1.0) * reach_y;
      data += picture_cell(x * unit, y * unit, field.at(deprojected(centre, x * degree, y * degree)));
    }
  // Room for title and labels around a picture of 480 x 430 at most.
  const int height = 140 + static_cast<int>(std::clamp(460.0 * reach_y / reach_x, 150.0, 430.0));
  return {
      700, height, 12,
      data + "EOD\n" + picture_settings(field) +
          fmt::format("set size ratio {:.5f}\nset xrange [{:.6f}:{:.6f}]\nset yrange [{:.6f}:{:.6f}]\nset xtics {}\nset ytics {}\nset "
                      "xlabel 'east of RA {:.5f}° [{}]'\nset ylabel 'north of Dec {:.5f}°' offset 1,0\nplot $sky using 1:2:3 with image\n",
                      reach_y / reach_x, reach_x * unit, -reach_x * unit, -reach_y * unit, reach_y * unit,
                      shortest(round_step(2.0 * reach_x * unit, 5)), shortest(round_step(2.0 * reach_y * unit, 5)), centre.ra,
                      in_arcmin ? "arcmin" : "deg", centre.dec)};
}

}  // namespace skyfold
