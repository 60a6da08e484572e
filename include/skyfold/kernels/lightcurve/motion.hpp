#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/kernels/lightcurve/statistics.hpp"

namespace skyfold::lightcurve {

/// Positions of one object at several times.
struct Track {
  std::span<const double> mjd;      ///< days
  std::span<const double> ra, dec;  ///< degrees, finite
  std::span<const double> err;      ///< of each coordinate, arcsec, all above 0; empty: not known, all weigh the same
};

/// Where an object is and how it moves, in the plane that touches the sky at a reference position.
struct Motion {
  std::int32_t n = 0;
  double ra = not_measured, dec = not_measured;        ///< degrees: the weighted mean, at `epoch` where there is a motion
  double scatter_arcsec = not_measured;                ///< rms of a coordinate about the mean position, over n - 1
  double epoch = not_measured;                         ///< MJD: weighted mean of the times
  double pm_ra = not_measured, pm_dec = not_measured;  ///< mas/yr (of 365.25 days), pm_ra with the factor cos(dec)
  double pm_ra_err = not_measured, pm_dec_err = not_measured;
};

/// A position in the plane, with its weight.
struct PlanePoint {
  double x = 0.0, y = 0.0;  ///< radians, to the east and to the north
  double weight = 1.0;      ///< 1 / arcsec^2
};

/// When positions tell a motion.
struct MotionRule {
  double min_span_days = 365.25;  ///< between first and last; less would take parallax for motion
  int min_n = 3;                  ///< positions
};

/// Means and, where the epochs span enough, the weighted straight line x(t) = x0 + mu (t - epoch) in the tangent plane.
///
/// Errors of the motion follow from those of the positions; where these are not known, from the scatter about the line, over n - 2.
/// @param ra0, dec0  degrees, near the positions (within some degrees): where the plane touches
/// @param scratch    a buffer that calls share
[[nodiscard]] Motion motion_of(const Track& track, double ra0, double dec0, const MotionRule& rule, std::vector<PlanePoint>& scratch);

}  // namespace skyfold::lightcurve
