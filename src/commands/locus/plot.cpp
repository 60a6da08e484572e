// Finder charts: the field of a target with all stars, the loci of the candidates, and the pointing that was found.
#include "plot.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/gnuplot.hpp"

namespace skyfold {
namespace {

// Degrees here, arcminutes in the chart.
std::string point(Offset p) { return fmt::format("{:.5f} {:.5f}", 60.0 * p.x, 60.0 * p.y); }

/// The edges of a star's locus within the rectangle of the target: two lines from its corner.
std::string locus_of(Offset star, FieldSize field) {
  const double half_x = 0.5 * field.width, half_y = 0.5 * field.height;
  // A star is within reach of a pointing if the pointing is in a field around the star; of that rectangle the corner nearest to the target
  // bounds the star's locus.
  const Offset corner{star.x >= 0.0 ? star.x - half_x : star.x + half_x, star.y >= 0.0 ? star.y - half_y : star.y + half_y};
  const Offset along_x{star.x >= 0.0 ? half_x : -half_x, corner.y}, along_y{corner.x, star.y >= 0.0 ? half_y : -half_y};
  return point(along_x) + "\n" + point(corner) + "\n" + point(along_y) + "\n\n";
}

/// A block of data for gnuplot; never empty, since gnuplot does not draw nothing.
std::string data(const std::string& name, const std::string& lines) {
  return fmt::format("${} << EOD\n{}EOD\n", name, lines.empty() ? "NaN NaN NaN\n" : lines);
}

std::string rectangle(int number, Offset centre, FieldSize size, const std::string& style) {
  const Offset low{centre.x - 0.5 * size.width, centre.y - 0.5 * size.height},
      high{centre.x + 0.5 * size.width, centre.y + 0.5 * size.height};
  return fmt::format("set object {} rectangle from {:.5f},{:.5f} to {:.5f},{:.5f} fillstyle empty border {}\n", number, 60.0 * low.x,
                     60.0 * low.y, 60.0 * high.x, 60.0 * high.y, style);
}

GnuplotScript script_of(const FinderChart& chart) {
  std::string others, candidates, references, loci;
  for (const FinderChart::Star& star : chart.stars) {
    if (star.rating <= 0.0) {
      // Stars without a rating are no candidates: wrong magnitude or colour, or out of reach.
      others += point(star.at) + "\n";
      continue;
    }
    (star.is_reference ? references : candidates) += fmt::format("{} {:.6g}\n", point(star.at), star.rating);
    loci += locus_of(star.at, chart.field);
  }
  // A twentieth more than the field to either side, in arcmin: the loci of all candidates end within it.
  const double reach_x = 63.0 * chart.field.width, reach_y = 63.0 * chart.field.height;
  std::string script = data("others", others) + data("candidates", candidates) + data("references", references) + data("loci", loci);
  script += fmt::format("set title {}\n", gnuplot_text(chart.title));
  // East is to the left, as on the sky: the range runs from positive to negative.
  script += fmt::format("set size ratio {:.5f}\nset xrange [{:.4f}:{:.4f}]\nset yrange [{:.4f}:{:.4f}]\n",
                        chart.field.height / chart.field.width, reach_x, -reach_x, -reach_y, reach_y);
  script +=
      "set xlabel 'East of the target [arcmin]'\nset ylabel 'North of the target [arcmin]'\n"
      "set bmargin 7\nset cblabel 'rating'\nset cbrange [0:*]\nset palette defined (0 '#c6dbef', 1 '#08306b')\nset key "
      "below\nset tics out\n";
  script += rectangle(1, {}, chart.field, "lc rgb '#999999' dashtype 2");
  if (chart.centre) script += rectangle(2, *chart.centre, chart.field, "lc rgb '#d62728' lw 2.5");
  script +=
      "plot $others using 1:2 with points pt 7 ps 0.25 lc rgb '#bbbbbb' title 'other stars', \\\n"
      " $loci using 1:2 with lines lc rgb '#9ecae1' lw 0.7 title 'loci', \\\n"
      " $candidates using 1:2:3 with points pt 6 ps 0.9 lw 1.5 palette title 'candidates', \\\n"
      " $references using 1:2:3 with points pt 7 ps 1.0 palette title 'references', \\\n";
  if (chart.centre)
    script += fmt::format(
        " '+' using ({:.5f}):({:.5f}) every ::0::0 with points pt 2 ps 1.2 lw 2 lc rgb '#d62728' title 'pointing', "
        "\\\n",
        60.0 * chart.centre->x, 60.0 * chart.centre->y);
  return {760, 700, 13, script + " '+' using (0):(0) every ::0::0 with points pt 3 ps 1.4 lw 2 lc rgb '#2ca02c' title 'target'\n"};
}

}  // namespace

FinderChart finder_chart(const std::string& title, const LocusRules& rules, const LocusTarget& target, const StarField& stars) {
  FinderChart chart{title, rules.field, {}, std::nullopt};
  // Solved again rather than read from the product: it has no candidates and no ratings.
  LocusSolver solver(rules, stars);
  const LocusPointing pointing = solver.solve(target);
  if (!is_valid(target.position)) return chart;
  const FieldPlane plane(target.position, rules.geometry);
  if (pointing.status == LocusStatus::found) chart.centre = plane.offset(pointing.position, direction_of(pointing.position));
  chart.title += fmt::format(": {} candidates, {} reference stars, score {:.3f}", pointing.n_candidates, pointing.n_ref,
                             pointing.n_ref > 0 ? pointing.score : 0.0);
  std::vector<double> rating(stars.size(), 0.0);
  std::vector<bool> is_reference(stars.size(), false);
  for (const StarCandidate& c : solver.candidates()) rating[c.star] = c.rating;
  for (const ReferenceStar& r : solver.reference_stars()) is_reference[r.star] = true;
  for (std::size_t i = 0; i < stars.size(); ++i) {
    const Offset at = plane.offset(stars.position(i), stars.direction(i));
    // Beyond a whole field from the target no pointing that has the target reaches a star.
    if (std::abs(at.x) < rules.field.width && std::abs(at.y) < rules.field.height) chart.stars.push_back({at, rating[i], is_reference[i]});
  }
  return chart;
}

void draw_finder_chart(const FinderChart& chart, const std::string& path) { draw_svg(script_of(chart), path); }

}  // namespace skyfold
