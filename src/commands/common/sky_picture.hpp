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
};

/// A cell of a raster as gnuplot reads it.
[[nodiscard]] std::string picture_cell(double x, double y, double value);
/// Title and colours. The palette is read in grey and by the colour-blind, from light to dark.
[[nodiscard]] std::string picture_settings(const SkyField& field);

/// The whole sky in Mollweide's projection, north up and east left.
/// @param centre_ra  degrees, in the middle; its labels are round for multiples of 60
[[nodiscard]] GnuplotScript mollweide_picture(const SkyField& field, double centre_ra);

/// A part of the sky in the gnomonic (tangent plane) projection, north up and east left.
/// @param reach  of the picture from its centre to each side, degrees in the tangent plane, below 90
[[nodiscard]] GnuplotScript gnomonic_picture(const SkyField& field, Position centre, double reach);

}  // namespace skyfold
