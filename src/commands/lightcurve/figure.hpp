#pragma once

#include <string>
#include <vector>

#include "curves.hpp"

namespace skyfold::lightcurves {

/// The measurements of one filter that count.
struct FilterPoints {
  std::string filter;
  std::vector<double> time, phase, mag, err;  ///< phase, err: empty or NaN where there is none
};

/// The light curve of one object, as it is drawn.
struct CurveFigure {
  std::string title, magnitude_label;
  double period_days = lightcurve::not_measured;  ///< of the folded curve; NaN: without one
  std::vector<FilterPoints> filters;
};
/// @param block  rows of that object
[[nodiscard]] CurveFigure figure_of(const CurveSetup& setup, const CurveRows& rows, const Table& block, const std::string& title);

/// Draws magnitudes, brighter ones higher, with error bars against time and, below, against phase (two periods).
void draw_curves(const CurveFigure& figure, const std::string& path);

}  // namespace skyfold::lightcurves
