// The picture of a survey's footprint: a raster whose cells look their pixel up, so that it costs the same for any catalogue.
#include "footprint.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>

#include "../common/sky_picture.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/gnuplot.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

constexpr double degree = std::numbers::pi / 180.0;
constexpr double largest_height_deg = 60.0, largest_width_deg = 90.0;  ///< of a picture in right ascension and declination

/// The smallest box in right ascension and declination, degrees; `ra` may lie beyond 360.
struct Box {
  double ra_min = 0.0, ra_max = 0.0, dec_min = 90.0, dec_max = -90.0;

  [[nodiscard]] double width() const { return ra_max - ra_min; }
  [[nodiscard]] double height() const { return dec_max - dec_min; }
  [[nodiscard]] double shrink() const { return std::cos((dec_min + dec_max) / 2 * degree); }  ///< of parallels, in the middle
};

Box box_of(const PixelCounts& counts) {
  Box box;
  std::vector<bool> degrees(360);  // of right ascension, with objects
  for (std::size_t pixel = 0; pixel < counts.size(); ++pixel) {
    if (counts[pixel] == 0) continue;
    const Position centre = pixel_centre(static_cast<std::int64_t>(pixel), counted_order);
    box.dec_min = std::min(box.dec_min, centre.dec);
    box.dec_max = std::max(box.dec_max, centre.dec);
    degrees[std::min<std::size_t>(359, static_cast<std::size_t>(centre.ra))] = true;
  }
  // The widest gap is what lies outside: a survey across RA = 0 is one piece.
  int widest = 0, after = 0;
  for (int begin = 0; begin < 360; ++begin) {
    int gap = 0;
    while (gap < 360 && !degrees[static_cast<std::size_t>((begin + gap) % 360)]) ++gap;
    if (gap > widest) widest = gap, after = begin + gap;
  }
  box.ra_min = after % 360;
  box.ra_max = box.ra_min + 360 - widest;
  return box;
}

/// The box within a margin, to the pixel rather than the degree of right ascension.
Box fitted(const PixelCounts& counts) {
  Box box = box_of(counts);
  double low = box.ra_max, high = box.ra_min;
  for (std::size_t pixel = 0; pixel < counts.size(); ++pixel) {
    if (counts[pixel] == 0) continue;
    double ra = pixel_centre(static_cast<std::int64_t>(pixel), counted_order).ra;
    if (ra < box.ra_min) ra += 360.0;
    low = std::min(low, ra);
    high = std::max(high, ra);
  }
  const double pixel = std::sqrt(pixel_area_deg2(counted_order));
  const double margin = std::max({0.04 * (high - low) * box.shrink(), 0.04 * box.height(), 2.0 * pixel});
  box.ra_min = low - margin / box.shrink();
  box.ra_max = high + margin / box.shrink();
  // A survey of one pixel has no extent: the margin makes a picture of it.
  box.dec_min = std::max(-90.0, box.dec_min - margin);
  box.dec_max = std::min(90.0, box.dec_max + margin);
  return box;
}

/// Densities in pixels that are large enough to be seen and small enough to show edges.
class Densities {
 public:
  /// @param size  of the picture's longer side, degrees
  Densities(const PixelCounts& counts, double size) {
    constexpr double cells = 150.0;
    while (order_ > 3 && std::sqrt(pixel_area_deg2(order_)) < size / cells) --order_;
    const int shift = 2 * (counted_order - order_);
    objects_.resize(static_cast<std::size_t>(pixel_count(order_)));
    for (std::size_t pixel = 0; pixel < counts.size(); ++pixel) objects_[pixel >> shift] += counts[pixel];
    std::vector<double> seen;
    std::copy_if(objects_.begin(), objects_.end(), std::back_inserter(seen), [](double n) { return n > 0.0; });
    // Pixels across the edge hold any few objects: they say nothing about the survey.
    spans_decades_ = quantile(seen, 0.99) > 30.0 * quantile(seen, 0.1);
  }

  /// Objects per square degree around a position; NaN where there are none.
  [[nodiscard]] double at(Position position) const {
    const double n = objects_[static_cast<std::size_t>(pixel_of(healpix29(position), order_))];
    return n > 0.0 ? n / pixel_area_deg2(order_) : std::nan("");
  }
  [[nodiscard]] bool spans_decades() const { return spans_decades_; }
  [[nodiscard]] long nside() const { return 1L << order_; }

 private:
  int order_ = counted_order;
  std::vector<double> objects_;
  bool spans_decades_ = false;
};

SkyField field_of(const Densities& densities, const std::string& title) {
  return {[&densities](Position position) { return densities.at(position); }, title, "objects per square degree",
          fmt::format("(HEALPix NSide {})", densities.nside()), densities.spans_decades()};
}

GnuplotScript flat(const PixelCounts& counts, const Box& box, const std::string& title) {
  const double size = std::max(box.width() * box.shrink(), box.height());
  const Densities densities(counts, size);
  constexpr int cells = 420;  // along the longer side
  const int columns = std::max(8, static_cast<int>(cells * box.width() * box.shrink() / size));
  const int rows = std::max(8, static_cast<int>(cells * box.height() / size));
  std::string data = "$sky << EOD\n";
  for (int j = 0; j < rows; ++j)
    for (int i = 0; i < columns; ++i) {
      const double ra = box.ra_min + (i + 0.5) / columns * box.width(), dec = box.dec_min + (j + 0.5) / rows * box.height();
      data += picture_cell(ra, dec, densities.at({std::fmod(ra + 360.0, 360.0), dec}));
    }
  // Right ascensions beyond 360 and below 0 are written as what they are.
  const double step = round_step(box.width(), 6);
  std::string tics;
  for (double ra = std::ceil(box.ra_min / step) * step; ra <= box.ra_max; ra += step)
    tics += fmt::format("{}'{:g}' {}", tics.empty() ? "" : ", ", std::round(std::fmod(ra + 360.0, 360.0) * 1e6) / 1e6, shortest(ra));
  const double ratio = box.height() / (box.width() * box.shrink());
  // Room for title and labels around a picture of 560 x 430 at most.
  const int height = 110 + static_cast<int>(std::clamp(560.0 * ratio, 150.0, 430.0));
  return {
      760, height, 12,
      data + "EOD\n" + picture_settings(field_of(densities, title)) +
          fmt::format("set size ratio {:.5f}\nset xrange [{:.6f}:{:.6f}]\nset yrange [{:.6f}:{:.6f}]\nset xtics ({})\nset xlabel 'right "
                      "ascension [deg]'\nset ylabel 'declination [deg]'\nplot $sky using 1:2:3 with image\n",
                      ratio, box.ra_max, box.ra_min, box.dec_min, box.dec_max, tics)};
}

GnuplotScript all_sky(const PixelCounts& counts, const Box& box, const std::string& title) {
  // The middle of what is seen, to 60 degrees, so that the labels are round.
  const double centre = std::fmod(std::round((box.ra_min + box.ra_max) / 2 / 60.0) * 60.0, 360.0);
  const Densities densities(counts, 360.0);
  return mollweide_picture(field_of(densities, title), centre);
}

}  // namespace

void draw_footprint(const PixelCounts& counts, const std::string& title, const std::string& path) {
  const Box box = fitted(counts);
  const bool is_small = box.height() <= largest_height_deg && box.width() * box.shrink() <= largest_width_deg;
  draw_svg(is_small ? flat(counts, box, title) : all_sky(counts, box, title), path);
}

}  // namespace skyfold
