// Plots of a product log, from numbers to gnuplot's commands. A plot that cannot be drawn costs that plot alone.
#include <fmt/core.h>

#include <cmath>

#include "product_log.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/registry/gnuplot.hpp"

namespace skyfold {
namespace {

std::string data_block(const Series& series) {
  std::string text;
  const std::size_t rows = series.columns.empty() ? 0 : series.columns[0].size();
  for (std::size_t i = 0; i < rows; ++i) {
    for (const auto& column : series.columns) text += std::isfinite(column[i]) ? fmt::format("{:.6g} ", column[i]) : std::string("NaN ");
    text += '\n';
  }
  // gnuplot stops at an empty data block; a point that is not there gives empty axes.
  if (rows == 0) text = "NaN NaN NaN NaN\n";
  return text;
}

/// Commands that draw one plot.
GnuplotScript script_of(const Plot& plot) {
  std::string data, commands;
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const Series& series = plot.series[i];
    data += fmt::format("$series{} << EOD\n{}EOD\n", i, data_block(series));
    std::string columns;
    // An empty series has no columns, but its data block has: gnuplot is to draw axes without points.
    for (std::size_t k = 1; k <= std::max<std::size_t>(series.columns.size(), 2); ++k) columns += fmt::format("{}{}", k > 1 ? ":" : "", k);
    commands += fmt::format("{}$series{} using {} with {} {}", i > 0 ? ", " : "", i, columns, series.style,
                            series.title.empty() ? "notitle" : "title " + gnuplot_text(series.title));
  }
  const std::string labels =
      fmt::format("set grid lc rgb '#dddddd'\nset title {}\nset xlabel {}\nset ylabel {}\nset style fill solid 0.4\n",
                  gnuplot_text(plot.title), gnuplot_text(plot.x_label), gnuplot_text(plot.y_label));
  GnuplotScript script;
  script.commands = data + labels + plot.settings + "\nplot " + commands;
  return script;
}

std::string draw_alone(const Plot& plot) {
  try {
    return draw_svg({script_of(plot)}).front();
  } catch (const Error& error) {
    log_warning(fmt::format("the plot {} of the product log is missing ({})", plot.name, error.what()));
    return "";
  }
}

}  // namespace

std::vector<std::string> draw_plots(const std::vector<const Plot*>& plots) {
  std::vector<std::string> pictures(plots.size());
  if (plots.empty() || !has_gnuplot()) return pictures;
  std::vector<GnuplotScript> scripts;
  for (const Plot* plot : plots) scripts.push_back(script_of(*plot));
  try {
    // All plots in one process: starting gnuplot takes longer than drawing.
    return draw_svg(scripts);
  } catch (const Error&) {  // it stops at the first plot that it cannot draw
    for (std::size_t i = 0; i < plots.size(); ++i) pictures[i] = draw_alone(*plots[i]);
  }
  return pictures;
}

}  // namespace skyfold
