#pragma once

#include <functional>
#include <string>

#include "skyfold/registry/gnuplot.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {

/// Numbers on the sky that are to be drawn.
struct SkyField {
  std::function<double(Position)> at;  ///< right ascension 0 to 360; NaN where there is none
  std::string title, label, remark;    ///< of the picture; of the colours, in two lines. Foreign text is allowed
  bool is_log = false;                 ///< colours by the logarithm
  double low = 0.0, high = 0.0;        ///< ends of the colours; what lies beyond has that of the end; equal: by the numbers themselves
};

/// A cell of a raster as gnuplot reads it.
[[nodiscard]] std::string picture_cell(double x, double y, double value);
/// A round step of an axis that gives about so many labels.
[[nodiscard]] double round_step(double width, int labels);
/// Title and colours. The palette is read in grey and by the colour-blind, from light to dark.
[[nodiscard]] std::string picture_settings(const SkyField& field);

/// The whole sky in Mollweide's projection, north up and east left.
/// @param centre_ra  degrees, in the middle; its labels are round for multiples of 60
[[nodiscard]] GnuplotScript mollweide_picture(const SkyField& field, double centre_ra);

/// A part of the sky in the gnomonic (tangent plane) projection, north up and east left.
/// @param reach_x, reach_y  of the picture from its centre to each side, up and down, degrees in the tangent plane
[[nodiscard]] GnuplotScript gnomonic_picture(const SkyField& field, Position centre, double reach_x, double reach_y);

}  // namespace skyfold
