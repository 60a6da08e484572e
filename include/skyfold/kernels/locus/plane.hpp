#pragma once

#include "skyfold/kernels/locus/options.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {

/// A direction as a unit vector: x towards RA 0, Dec 0; z towards the North pole.
struct Direction {
  double x = 0.0, y = 0.0, z = 0.0;
};
[[nodiscard]] Direction direction_of(Position position) noexcept;
/// Square of the chord between two directions; exact for small angles, where a scalar product is not.
[[nodiscard]] double chord2(const Direction& a, const Direction& b) noexcept;
/// Square of the chord that spans an angle in degrees.
[[nodiscard]] double chord2_of_angle(double angle_deg) noexcept;

/// Where a star is after some years: along the great circle of its proper motion, without parallax or radial velocity.
/// @param pm_ra, pm_dec  mas per year, the first with cos(Dec); a star whose motion is NaN stays
[[nodiscard]] Position moved(Position position, double pm_ra, double pm_dec, double years) noexcept;

/// An offset in the plane of a target, degrees: x towards East, y towards North.
struct Offset {
  double x = 0.0, y = 0.0;
};

/// RA in [0, 360).
[[nodiscard]] double wrapped_ra(double ra_deg) noexcept;

/// Bounds of the sky that a rectangle of the plane covers.
struct SkyBounds {
  double dec_min = -90.0, dec_max = 90.0;  ///< degrees
  double half_ra = 180.0;                  ///< greatest |RA - RA of the target|, degrees; 180: all RA
};

/// The plane in which the field of one target is laid out.
///
/// `tangent`: the gnomonic projection about the target, y along its meridian; right everywhere on the sky. `box`: x =
/// (RA - RA of the target) cos(Dec of the target), y = Dec - Dec of the target, as published; useless near the poles.
///
/// Turned by a position angle, x runs along the field's width and y along its height, which points from North towards East by that angle.
class FieldPlane {
 public:
  FieldPlane(Position target, LocusGeometry geometry, double angle_deg = 0.0) noexcept;

  /// Offset of a star, given by position and direction; infinite for one that is not on the plane's side of the sky.
  [[nodiscard]] Offset offset(Position star, const Direction& direction) const noexcept;
  /// Position of a point of the plane, RA in [0, 360).
  [[nodiscard]] Position position(Offset offset) const noexcept;
  /// Bounds of all positions with |x| <= width and |y| <= height, with a margin for rounding.
  [[nodiscard]] SkyBounds bounds(FieldSize half) const noexcept;
  /// An offset of the plane as one towards East and North.
  [[nodiscard]] Offset to_north(Offset offset) const noexcept;
  [[nodiscard]] const Direction& centre() const noexcept { return centre_; }

 private:
  [[nodiscard]] Offset north_offset(Position star, const Direction& direction) const noexcept;

  Position target_;
  LocusGeometry geometry_;
  double cos_dec_, sin_dec_;
  double cos_angle_ = 1.0, sin_angle_ = 0.0;
  Direction centre_, east_, north_;
};

}  // namespace skyfold
