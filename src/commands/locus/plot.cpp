// Finder charts: the field of a target with all stars, the pointing that was found, and its reference stars, numbered, with a table of
// them.
#include "plot.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "skyfold/core/text.hpp"
#include "skyfold/registry/gnuplot.hpp"

namespace skyfold {
namespace {

constexpr double degree = std::numbers::pi / 180.0;
constexpr int most_numbered = 25;       // reference stars with a number and a line of the table: more would not be read
constexpr std::size_t most_loci = 20;   // candidates whose loci are drawn: more lines hide the stars
constexpr double chart_pixels = 600.0;  // of the longer side of the chart
constexpr const char* red = "#d62728";
constexpr const char* green = "#2ca02c";
constexpr const char* blue = "#1f77b4";
constexpr const char* light_blue = "#9ecae1";

// Degrees here, arcminutes in the chart.
std::string point(Offset p) { return fmt::format("{:.5f} {:.5f}", 60.0 * p.x, 60.0 * p.y); }

/// A block of data for gnuplot; never empty, since gnuplot does not draw nothing.
std::string data(const std::string& name, const std::string& lines) {
  return fmt::format("${} << EOD\n{}EOD\n", name, lines.empty() ? "NaN NaN NaN\n" : lines);
}

/// How large dots are: from the brightest to the faintest magnitude of a chart.
class DotSizes {
 public:
  explicit DotSizes(const FinderChart& chart) {
    for (const FinderChart::Star& star : chart.stars) {
      if (std::isnan(star.mag)) continue;
      bright_ = has_any_ ? std::min(bright_, star.mag) : star.mag;
      faint_ = has_any_ ? std::max(faint_, star.mag) : star.mag;
      has_any_ = true;
    }
  }
  [[nodiscard]] double of(double mag) const noexcept {
    constexpr double least = 0.22, most = 1.7;
    if (std::isnan(mag) || faint_ <= bright_) return 0.5;
    const double part = std::clamp((faint_ - mag) / (faint_ - bright_), 0.0, 1.0);
    // Bright stars are few: sizes grow faster than magnitudes, so that a crowded chart is not one of dots alone.
    return least + (most - least) * std::pow(part, 1.6);
  }
  /// Magnitudes that the legend shows: whole ones, at most four.
  [[nodiscard]] std::vector<int> samples() const {
    std::vector<int> all;
    if (!has_any_) return all;
    const int first = static_cast<int>(std::ceil(bright_)), last = static_cast<int>(std::floor(faint_));
    const int step = std::max(1, (last - first + 3) / 3);
    for (int mag = first; mag <= last; mag += step) all.push_back(mag);
    return all;
  }

 private:
  bool has_any_ = false;
  double bright_ = 0.0, faint_ = 0.0;
};

/// The corners of the field, or points around it; closed.
std::string outline(const FinderChart& chart, Offset centre) {
  std::string lines;
  const auto add = [&](Offset in_field) {
    const double c = std::cos(chart.angle_deg * degree), s = std::sin(chart.angle_deg * degree);
    lines += point({centre.x + in_field.x * c + in_field.y * s, centre.y - in_field.x * s + in_field.y * c}) + "\n";
  };
  const double half_x = 0.5 * chart.field.width, half_y = 0.5 * chart.field.height;
  constexpr int around = 180;
  if (chart.is_round)
    for (int k = 0; k <= around; ++k) add({half_x * std::cos(2.0 * k * degree), half_x * std::sin(2.0 * k * degree)});
  else
    for (const Offset corner : {Offset{-half_x, -half_y}, {half_x, -half_y}, {half_x, half_y}, {-half_x, half_y}, {-half_x, -half_y}})
      add(corner);
  return lines;
}

/// The edges of a star's locus within the rectangle of the target: two lines from its corner.
std::string locus_of(Offset star, FieldSize field) {
  const double half_x = 0.5 * field.width, half_y = 0.5 * field.height;
  // A star is within reach of a pointing if the pointing is in a field around the star; of that rectangle the corner nearest to the target
  // bounds the star's locus.
  const Offset corner{star.x >= 0.0 ? star.x - half_x : star.x + half_x, star.y >= 0.0 ? star.y - half_y : star.y + half_y};
  const Offset along_x{star.x >= 0.0 ? half_x : -half_x, corner.y}, along_y{corner.x, star.y >= 0.0 ? half_y : -half_y};
  return point(along_x) + "\n" + point(corner) + "\n" + point(along_y) + "\n\n";
}

/// Places of the numbers beside their stars, where they cover the least: degrees.
class NumberPlaces {
 public:
  NumberPlaces(const FinderChart& chart, double degrees_per_pixel) : chart_(chart), pixel_(degrees_per_pixel) {}

  Offset beside(const FinderChart::Star& star) {
    constexpr std::array<Offset, 8> ways = {{{1, 1}, {-1, 1}, {1, -1}, {-1, -1}, {1.25, 0}, {-1.25, 0}, {0, 1.25}, {0, -1.25}}};
    Offset best;
    double least = 0.0;
    for (std::size_t k = 0; k < ways.size(); ++k) {
      const Offset at{star.at.x + ways[k].x * 11.0 * pixel_, star.at.y + ways[k].y * 11.0 * pixel_};
      const double cost = covered(at, star) + 0.01 * static_cast<double>(k);
      if (k > 0 && cost >= least) continue;
      best = at;
      least = cost;
    }
    placed_.push_back(best);
    return best;
  }

 private:
  /// How much a number there would cover: other numbers most of all, then stars that are numbered, then others.
  [[nodiscard]] double covered(Offset at, const FinderChart::Star& own) const {
    const auto nearness = [&](Offset other, double reach) {
      const double pixels = std::hypot(at.x - other.x, at.y - other.y) / pixel_;
      return std::max(0.0, 1.0 - pixels / reach);
    };
    double cost = 0.0;
    for (const Offset other : placed_) cost += 20.0 * nearness(other, 18.0);
    for (const FinderChart::Star& star : chart_.stars)
      if (&star != &own) cost += (star.number > 0 ? 8.0 : 1.0) * nearness(star.at, 11.0);
    return cost + 8.0 * nearness({}, 16.0);
  }

  const FinderChart& chart_;
  double pixel_;
  std::vector<Offset> placed_;
};

/// The stars of the table: references with a number, by number.
std::vector<const FinderChart::Star*> numbered(const FinderChart& chart) {
  std::vector<const FinderChart::Star*> stars;
  for (const FinderChart::Star& star : chart.stars)
    if (star.number > 0 && star.number <= most_numbered) stars.push_back(&star);
  std::ranges::sort(stars, {}, [](const FinderChart::Star* star) { return star->number; });
  return stars;
}

std::size_t references_of(const FinderChart& chart) {
  return static_cast<std::size_t>(std::ranges::count_if(chart.stars, [](const FinderChart::Star& star) { return star.number > 0; }));
}

/// Blocks of data: stars by kind with sizes of their dots, loci, outlines.
std::string blocks(const FinderChart& chart, const DotSizes& sizes, bool has_loci) {
  std::string others, candidates, references, more, loci;
  for (const FinderChart::Star& star : chart.stars) {
    // Stars without a rating are no candidates: wrong magnitude or colour, crowded, or out of reach.
    std::string& kind = star.rating <= 0.0 ? others : star.number > most_numbered ? more : star.number > 0 ? references : candidates;
    kind += fmt::format("{} {:.3f}\n", point(star.at), sizes.of(star.mag));
    if (star.rating > 0.0 && has_loci) loci += locus_of(star.at, chart.field);
  }
  return data("others", others) + data("candidates", candidates) + data("references", references) + data("more", more) +
         data("loci", loci) + data("range", outline(chart, {})) + data("field", chart.centre ? outline(chart, *chart.centre) : "");
}

/// The table of reference stars, right of the chart.
std::string table_of(const FinderChart& chart, double top) {
  const std::size_t all = references_of(chart);
  std::string lines;
  double y = top;
  const auto add = [&](double x, const std::string& text, const char* side) {
    lines += fmt::format("set label {} at screen {:.4f},{:.4f} {} font 'sans,11'\n", gnuplot_text(text), x, y, side);
  };
  const auto row = [&](const std::string& number, const std::string& place, const std::string& mag, const std::string& rating) {
    add(0.672, number, "right");
    add(0.685, place, "left");
    add(0.925, mag, "right");
    add(0.985, rating, "right");
    y -= 0.0225;
  };
  add(0.65,
      all == 0               ? "No reference star"
      : all <= most_numbered ? "Reference stars"
                             : fmt::format("Best {} of {} reference stars", most_numbered, all),
      "left");
  y -= 0.03;
  if (all == 0) return lines;
  row("", "RA, Dec (ICRS)", chart.band.empty() ? "" : chart.band, "rating");
  for (const FinderChart::Star* star : numbered(chart))
    row(std::to_string(star->number), sexagesimal(star->position), std::isnan(star->mag) ? "" : fmt::format("{:.2f}", star->mag),
        fmt::format("{:.3f}", star->rating));
  return lines;
}

/// North up and East to the left, in the lower left corner, on white.
std::string compass(double reach_x, double reach_y) {
  const double length = 0.09 * std::max(reach_x, reach_y), x = 0.83 * reach_x, y = -0.95 * reach_y;
  const auto arrow = [&](double to_x, double to_y, const char* letter) {
    return fmt::format(
        "set arrow from {:.4f},{:.4f} to {:.4f},{:.4f} front lw 1.5 lc rgb 'black'\nset label '{}' at {:.4f},{:.4f} center front\n", x, y,
        x + to_x, y + to_y, letter, x + 1.4 * to_x, y + 1.4 * to_y);
  };
  return fmt::format(
             "set object 1 rectangle from {:.4f},{:.4f} to {:.4f},{:.4f} front fillcolor rgb 'white' fillstyle solid 0.85 noborder\n",
             0.99 * reach_x, -0.99 * reach_y, x - 0.4 * length, y + 1.8 * length) +
         arrow(0.0, length, "N") + arrow(length, 0.0, "E");
}

std::string curves(const FinderChart& chart, const DotSizes& sizes, bool has_loci) {
  const bool has_candidates = std::ranges::any_of(chart.stars, [](const FinderChart::Star& s) { return s.rating > 0.0 && s.number == 0; });
  std::string plot = "plot $others using 1:2:3 with points pt 7 ps variable lc rgb '#9a9a9a' notitle";
  const auto add = [&](const std::string& curve) { plot += ", \\\n " + curve; };
  const auto key = [&](const std::string& style, const std::string& title) {
    add(fmt::format("NaN with {} title {}", style, gnuplot_text(title)));
  };
  if (has_loci) add("$loci using 1:2 with lines lc rgb '#c6dbef' lw 0.7 title 'edges of loci'");
  add("$range using 1:2 with lines lc rgb '#888888' dashtype 2 lw 1 title 'pointings that have the target'");
  if (chart.centre) {
    add(fmt::format("$field using 1:2 with lines lc rgb '{}' lw 2 title 'field of view'", red));
    add(fmt::format("'+' using ({:.5f}):({:.5f}) every ::0::0 with points pt 2 ps 1.1 lw 2 lc rgb '{}' title 'pointing'",
                    60.0 * chart.centre->x, 60.0 * chart.centre->y, red));
  }
  if (has_candidates) {
    add(fmt::format("$candidates using 1:2:($3+0.35) with points pt 6 ps variable lw 1.2 lc rgb '{}' notitle", blue));
    key(fmt::format("points pt 6 ps 1 lw 1.2 lc rgb '{}'", blue), "candidates outside");
  }
  const std::size_t n_references = references_of(chart);
  if (n_references > most_numbered) {
    add(fmt::format("$more using 1:2:($3+0.1) with points pt 7 ps variable lc rgb '{}' notitle", light_blue));
    key(fmt::format("points pt 7 ps 1 lc rgb '{}'", light_blue), "more reference stars");
  }
  if (n_references > 0) {
    add(fmt::format("$references using 1:2:($3+0.25) with points pt 7 ps variable lc rgb '{}' notitle", blue));
    key(fmt::format("points pt 7 ps 1 lc rgb '{}'", blue), "reference stars");
  }
  add(fmt::format("'+' using (0):(0) every ::0::0 with points pt 3 ps 1.5 lw 2 lc rgb '{}' title 'target'", green));
  key("points pt 7 ps 0.6 lc rgb '#9a9a9a'", "other stars");
  for (const int mag : sizes.samples())
    key(fmt::format("points pt 7 ps {:.3f} lc rgb '#9a9a9a'", sizes.of(mag)),
        fmt::format("{} = {}", chart.band.empty() ? "mag" : chart.band, mag));
  return plot + "\n";
}

GnuplotScript script_of(const FinderChart& chart) {
  const DotSizes sizes(chart);
  const auto n_candidates =
      static_cast<std::size_t>(std::ranges::count_if(chart.stars, [](const FinderChart::Star& s) { return s.rating > 0.0; }));
  const bool has_loci = n_candidates > 0 && n_candidates <= most_loci && !chart.is_round && chart.angle_deg == 0.0;
  // A twentieth more than the field to either side, in arcmin, since a field that has the target reaches no farther; a turned one, its
  // diagonal.
  const bool is_turned = chart.angle_deg != 0.0;
  const double diagonal = std::hypot(chart.field.width, chart.field.height);
  const double reach_x = 63.0 * (is_turned ? diagonal : chart.field.width), reach_y = 63.0 * (is_turned ? diagonal : chart.field.height);
  std::string script = blocks(chart, sizes, has_loci);
  double y = 0.972;
  for (const auto& [text, size] : {std::pair(chart.title, 16), std::pair(chart.target_line, 12), std::pair(chart.pointing_line, 12)}) {
    script += fmt::format("set label {} at screen 0.07,{} left font 'sans,{}'\n", gnuplot_text(text), y, size);
    y -= 0.027;
  }
  // East is to the left, as on the sky: the range runs from positive to negative.
  script += fmt::format("set size ratio {:.5f}\nset xrange [{:.4f}:{:.4f}]\nset yrange [{:.4f}:{:.4f}]\n", reach_y / reach_x, reach_x,
                        -reach_x, -reach_y, reach_y);
  script +=
      "set xlabel 'East of the target [arcmin]'\nset ylabel 'North of the target [arcmin]'\nset tics out\nset grid lc rgb '#eeeeee'\n"
      "set lmargin at screen 0.07\nset rmargin at screen 0.64\nset bmargin at screen 0.09\nset tmargin at screen 0.895\n"
      "set key at screen 0.655,0.258 left top Left reverse vertical maxrows 13 samplen 1.5 spacing 0.9 font 'sans,11'\n";
  NumberPlaces places(chart, 2.0 / 60.0 * std::max(reach_x, reach_y) / chart_pixels);
  for (const FinderChart::Star* star : numbered(chart)) {
    const Offset at = places.beside(*star);
    script += fmt::format("set label '{}' at {:.5f},{:.5f} center front font 'sans,11' tc rgb '#08306b'\n", star->number, 60.0 * at.x,
                          60.0 * at.y);
  }
  script += compass(reach_x, reach_y) + table_of(chart, 0.885) + curves(chart, sizes, has_loci);
  return {1060, 760, 13, script};
}

}  // namespace

std::string sexagesimal(Position p) {
  // Rounded first, so that 59.996 seconds become a minute.
  const auto ra = static_cast<long long>(std::llround(p.ra * 240.0 * 100.0)) % (24LL * 360'000),
             dec = std::llround(std::abs(p.dec) * 36'000.0);
  return fmt::format("{:02}:{:02}:{:02}.{:02} {}{:02}:{:02}:{:02}.{}", ra / 360'000, ra / 6'000 % 60, ra / 100 % 60, ra % 100,
                     p.dec < 0.0 ? '-' : '+', dec / 36'000, dec / 600 % 60, dec / 10 % 60, dec % 10);
}

FinderChart finder_chart(const std::string& id, const std::string& date, const std::string& band, const LocusRules& rules,
                         const LocusTarget& target, const StarField& stars) {
  FinderChart chart;
  chart.title = "target " + id + (date.empty() ? "" : ", " + date);
  chart.band = band;
  chart.field = rules.field;
  chart.is_round = rules.is_round;
  // Solved again rather than read from the product: it has no candidates and no ratings. Here all references count, however many are
  // listed.
  LocusRules all = rules;
  all.max_ref = stars.size();
  LocusSolver solver(all, stars);
  const LocusPointing pointing = solver.solve(target);
  if (!is_valid(target.position)) {
    chart.target_line = "no position";
    return chart;
  }
  const FieldPlane plane(target.position, rules.geometry);
  chart.target_line = sexagesimal(target.position) + " (ICRS)";
  if (!std::isnan(target.photometry.mag)) chart.target_line += fmt::format(", {} = {:.2f}", band, target.photometry.mag);
  if (pointing.status == LocusStatus::found) {
    chart.angle_deg = pointing.angle_deg;
    chart.centre = plane.offset(pointing.position, direction_of(pointing.position));
    chart.pointing_line = "pointing " + sexagesimal(pointing.position);
    if (rules.is_turned()) chart.pointing_line += fmt::format(" at position angle {:.1f} deg", pointing.angle_deg);
    chart.pointing_line += ": ";
  }
  chart.pointing_line += fmt::format("{} candidates, {} reference stars, score {:.3f}", pointing.n_candidates, pointing.n_ref,
                                     pointing.n_ref > 0 ? pointing.score : 0.0);
  std::vector<double> rating(stars.size(), 0.0);
  std::vector<int> number(stars.size(), 0);
  for (const StarCandidate& c : solver.candidates()) rating[c.star] = c.rating;
  int last = 0;
  for (const ReferenceStar& r : solver.reference_stars()) number[r.star] = ++last;
  const FieldSize zone = rules.zone();
  for (std::size_t i = 0; i < stars.size(); ++i) {
    const Offset at = plane.offset(stars.position(i), stars.direction(i));
    // Beyond a whole field from the target no pointing that has the target reaches a star.
    if (std::abs(at.x) < zone.width && std::abs(at.y) < zone.height)
      chart.stars.push_back({at, stars.position(i), stars.mag()[i], rating[i], number[i]});
  }
  return chart;
}

void draw_finder_chart(const FinderChart& chart, const std::string& path) {
  path.ends_with(".png") ? draw_png(script_of(chart), path) : draw_svg(script_of(chart), path);
}

}  // namespace skyfold
