// Pictures of many points: as points while they are few, else as a grid of counts with contours that hold given shares of them.
#include "plots.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t most_points = 5000, cells = 48;

/// Place of a value in a range, in cells; negative or >= `n` outside.
double place_in(double value, AxisRange range, std::size_t n) {
  return (value - range.low) / (range.high - range.low) * static_cast<double>(n);
}

/// Counts on a square grid, y slowest.
using Grid = std::vector<double>;

Grid grid_of(std::span<const double> x, std::span<const double> y, AxisRange x_range, AxisRange y_range) {
  Grid grid(cells * cells, 0.0);
  constexpr auto n = static_cast<double>(cells);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double column = place_in(x[i], x_range, cells), row = place_in(y[i], y_range, cells);
    if (column >= 0.0 && column < n && row >= 0.0 && row < n)
      grid[static_cast<std::size_t>(row) * cells + static_cast<std::size_t>(column)] += 1.0;
  }
  return grid;
}

/// Weights 1 2 1 along both axes; nothing beyond the border.
Grid smoothed(const Grid& grid) {
  const auto pass = [](const Grid& from, std::size_t step, auto is_first, auto is_last) {
    Grid to(from.size());
    for (std::size_t i = 0; i < from.size(); ++i)
      to[i] = 0.5 * from[i] + 0.25 * ((is_first(i) ? 0.0 : from[i - step]) + (is_last(i) ? 0.0 : from[i + step]));
    return to;
  };
  const Grid rows = pass(
      grid, 1, [](std::size_t i) { return i % cells == 0; }, [](std::size_t i) { return i % cells == cells - 1; });
  return pass(
      rows, cells, [](std::size_t i) { return i < cells; }, [](std::size_t i) { return i >= cells * (cells - 1); });
}

/// The density above which the share of the whole lies.
double level_of(Grid grid, double share) {
  std::sort(grid.begin(), grid.end(), std::greater<>());
  double total = 0.0, sum = 0.0;
  for (const double value : grid) total += value;
  for (const double value : grid)
    if ((sum += value) >= share * total) return value;
  return 0.0;
}

/// Marching squares: the line where the density, linear between the middles of cells, has a value; pieces with gaps between.
Series contour(const Grid& grid, double level, AxisRange x_range, AxisRange y_range, const std::string& title, const std::string& style) {
  Series line{title, style, {{}, {}}};
  const double dx = (x_range.high - x_range.low) / cells, dy = (y_range.high - y_range.low) / cells;
  const auto add = [&](double column, double row) {
    line.columns[0].push_back(x_range.low + (column + 0.5) * dx);
    line.columns[1].push_back(y_range.low + (row + 0.5) * dy);
  };
  for (std::size_t row = 0; row + 1 < cells; ++row)
    for (std::size_t column = 0; column + 1 < cells; ++column) {
      const auto x = static_cast<double>(column), y = static_cast<double>(row);
      const std::array<double, 4> corner = {grid[row * cells + column], grid[row * cells + column + 1],
                                            grid[(row + 1) * cells + column + 1], grid[(row + 1) * cells + column]};
      constexpr std::array<std::array<double, 2>, 4> at = {{{0, 0}, {1, 0}, {1, 1}, {0, 1}}};
      std::size_t crossings = 0;
      for (std::size_t k = 0; k < 4; ++k) {
        const std::size_t next = (k + 1) % 4;
        // An edge whose ends lie on both sides is crossed, once; a square has 0, 2 or 4 crossings, joined as they come around it.
        if ((corner[k] >= level) == (corner[next] >= level)) continue;
        const double t = (level - corner[k]) / (corner[next] - corner[k]);
        add(x + at[k][0] + t * (at[next][0] - at[k][0]), y + at[k][1] + t * (at[next][1] - at[k][1]));
        if (++crossings % 2 != 0) continue;
        line.columns[0].push_back(nan);
        line.columns[1].push_back(nan);
      }
    }
  return line;
}

}  // namespace

AxisRange range_of(std::span<const double> values, double p) {
  std::vector<double> finite;
  std::copy_if(values.begin(), values.end(), std::back_inserter(finite), [](double value) { return std::isfinite(value); });
  if (finite.empty()) return {};
  // Quantiles, not extremes: a single catastrophic outlier would shrink all the others to a dot.
  const double low = quantile(finite, p), high = quantile(finite, 1.0 - p), margin = high > low ? 0.05 * (high - low) : 0.5;
  return {low - margin, high + margin};
}

Series histogram_series(std::span<const double> values, AxisRange range, std::size_t bins, const std::string& title,
                        const std::string& style) {
  Series series{title, style, {std::vector<double>(bins), std::vector<double>(bins, 0.0)}};
  const double width = (range.high - range.low) / static_cast<double>(bins);
  for (std::size_t k = 0; k < bins; ++k) series.columns[0][k] = range.low + (static_cast<double>(k) + 0.5) * width;
  for (const double value : values) {
    const double place = place_in(value, range, bins);
    if (place >= 0.0 && place < static_cast<double>(bins)) series.columns[1][static_cast<std::size_t>(place)] += 1.0;
  }
  return series;
}

std::vector<Series> cloud_series(std::span<const double> x, std::span<const double> y, AxisRange x_range, AxisRange y_range) {
  // Few points show more than boxes do; many would be a blot, and megabytes of SVG.
  if (x.size() <= most_points) return {{"", "points pt 7 ps 0.2 lc rgb '#3b6ea5'", {{x.begin(), x.end()}, {y.begin(), y.end()}}}};
  const Grid grid = grid_of(x, y, x_range, y_range);
  const double half_x = 0.5 * (x_range.high - x_range.low) / cells, half_y = 0.5 * (y_range.high - y_range.low) / cells;
  Series boxes{"", "boxxyerror fillstyle solid 1.0 noborder lc palette", {{}, {}, {}, {}, {}}};
  for (std::size_t i = 0; i < grid.size(); ++i) {
    if (grid[i] == 0.0) continue;
    const double values[] = {x_range.low + static_cast<double>(2 * (i % cells) + 1) * half_x,
                             y_range.low + static_cast<double>(2 * (i / cells) + 1) * half_y, half_x, half_y, std::log10(grid[i])};
    for (std::size_t c = 0; c < 5; ++c) boxes.columns[c].push_back(values[c]);
  }
  return {boxes};
}

std::vector<Series> contour_series(std::span<const double> x, std::span<const double> y, AxisRange x_range, AxisRange y_range,
                                   std::span<const double> shares) {
  // Smoothed, as lines around single cells would follow the noise.
  const Grid grid = smoothed(grid_of(x, y, x_range, y_range));
  std::vector<Series> lines;
  const std::array<const char*, 3> colours = {"#d62728", "#ff9f1c", "#2ca02c"};
  for (const double share : shares)
    lines.push_back(contour(grid, level_of(grid, share), x_range, y_range, fmt::format("{:.0f} % of the objects", 100.0 * share),
                            fmt::format("lines lw 1.5 lc rgb '{}'", colours[lines.size() % colours.size()])));
  return lines;
}

}  // namespace skyfold
