// The figure of a light curve: magnitudes against time and phase, a colour and a symbol for each filter.
#include "figure.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "skyfold/core/text.hpp"
#include "skyfold/registry/gnuplot.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold::lightcurves {
namespace {

/// Colours that people tell apart who do not see all (Okabe & Ito 2008), and symbols.
constexpr std::array colours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"};
constexpr std::array symbols = {7, 5, 9, 11, 13, 15, 6, 4, 8, 10, 12};

/// "Number" with a missing one as gnuplot has it.
std::string number(double x) { return std::isfinite(x) ? fmt::format("{:.9g}", x) : "NaN"; }

std::string data_of(const CurveFigure& figure, double start, bool is_folded) {
  std::string script;
  for (std::size_t f = 0; f < figure.filters.size(); ++f) {
    const FilterPoints& p = figure.filters[f];
    script += fmt::format("${}{} << EOD\n", is_folded ? "folded" : "curve", f);
    // gnuplot stops at an empty block.
    if (p.mag.empty()) script += "NaN NaN NaN\n";
    for (std::size_t i = 0; i < p.mag.size(); ++i) {
      const double err = p.err.empty() || !std::isfinite(p.err[i]) ? 0.0 : p.err[i];
      const std::string rest = fmt::format(" {} {}\n", number(p.mag[i]), number(err));
      if (!is_folded) script += number(p.time[i] - start) + rest;
      if (is_folded) script += number(p.phase[i]) + rest + number(p.phase[i] + 1.0) + rest;
    }
    script += "EOD\n";
  }
  return script;
}

std::string plot_of(const CurveFigure& figure, bool is_folded, bool has_key) {
  std::string script = has_key ? "set key outside top center horizontal reverse Left samplen 1.5 width 2\n" : "unset key\n";
  script += "plot ";
  for (std::size_t f = 0; f < figure.filters.size(); ++f)
    script += fmt::format("{}${}{} using 1:2:3 with yerrorbars pt {} ps 0.6 lw 1 lc rgb '{}' title {}", f == 0 ? "" : ", ",
                          is_folded ? "folded" : "curve", f, symbols[f % symbols.size()], colours[f % colours.size()],
                          gnuplot_text(figure.filters[f].filter));
  return script + "\n";
}

}  // namespace

CurveFigure figure_of(const CurveSetup& setup, const CurveRows& rows, const Table& block, const std::string& title) {
  const lightcurve::CurveColumns& c = setup.reader.columns();
  CurveFigure figure{title, c.magnitude, rows.phase().empty() ? lightcurve::not_measured : rows.period_of_last(), {}};
  const Column* const filter = c.filter.empty() ? nullptr : &block.at(c.filter);
  for (std::size_t i = 0; i < block.rows(); ++i) {
    if (block.at(rows.used()).integer(i) == 0) continue;
    const std::string name = filter == nullptr ? "all" : key_of(*filter, i);
    if (figure.filters.empty() || figure.filters.back().filter != name) figure.filters.push_back({name, {}, {}, {}, {}});
    FilterPoints& points = figure.filters.back();
    points.time.push_back(block.at(c.time).number(i));
    points.mag.push_back(block.at(c.magnitude).number(i));
    if (!c.error.empty()) points.err.push_back(block.at(c.error).number(i));
    if (!rows.phase().empty()) points.phase.push_back(block.at(rows.phase()).number(i));
  }
  return figure;
}

void draw_curves(const CurveFigure& figure, const std::string& path) {
  double first = INFINITY;
  for (const FilterPoints& p : figure.filters)
    for (const double time : p.time) first = std::min(first, time);
  // Ticks of a few digits.
  const double start = std::isfinite(first) ? std::floor(first / 100.0) * 100.0 : 0.0;
  const bool is_folded = std::isfinite(figure.period_days);
  CurveFigure drawn = figure;
  if (drawn.filters.empty()) drawn.filters.push_back({"no measurement counts", {}, {}, {}, {}});
  std::string script = data_of(drawn, start, false);
  if (is_folded) script += data_of(drawn, start, true) + "set multiplot layout 2,1\n";
  script += fmt::format(
      "set title {}\nset yrange [*:*] reverse\nset ylabel {}\nset xlabel {}\nset grid lc rgb '#dddddd'\nset offsets graph 0.03, graph "
      "0.03, graph 0.05, graph 0.05\nset bars 0.4\n",
      gnuplot_text(figure.title), gnuplot_text(figure.magnitude_label + " [mag]"), gnuplot_text(fmt::format("MJD - {:.0f} [days]", start)));
  script += plot_of(drawn, false, true);
  if (is_folded)
    script += fmt::format("set title {}\nset xlabel 'phase'\nset xrange [0:2]\nset offsets 0, 0, graph 0.05, graph 0.05\n",
                          gnuplot_text(fmt::format("period {:.6g} days", figure.period_days))) +
              plot_of(drawn, true, false) + "unset multiplot\n";
  draw_svg(GnuplotScript{760, is_folded ? 720 : 400, 12, script}, path);
}

}  // namespace skyfold::lightcurves
