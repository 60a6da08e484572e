// The plane of a field of view about its target: gnomonic (tangent) projection, or a box in RA and Dec, and the bounds on the
// sky within which stars can be in any field that holds the target.
#include "skyfold/kernels/locus/plane.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace skyfold {
namespace {

constexpr double degree = std::numbers::pi / 180.0;
constexpr double rounding_deg = 1e-9;  // larger than the rounding errors of an offset, far below any separation

double dot(const Direction& a, const Direction& b) noexcept { return a.x * b.x + a.y * b.y + a.z * b.z; }

}  // namespace

Direction direction_of(Position p) noexcept {
  const double cos_dec = std::cos(p.dec * degree);
  return {cos_dec * std::cos(p.ra * degree), cos_dec * std::sin(p.ra * degree), std::sin(p.dec * degree)};
}

double chord2(const Direction& a, const Direction& b) noexcept {
  const double x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
  return x * x + y * y + z * z;
}

double chord2_of_angle(double angle_deg) noexcept {
  const double chord = 2.0 * std::sin(0.5 * angle_deg * degree);
  return chord * chord;
}

double wrapped_ra(double ra) noexcept {
  if (ra >= 0.0 && ra < 360.0) return ra;
  ra = std::fmod(ra, 360.0);
  if (ra < 0.0) ra += 360.0;
  return ra < 360.0 ? ra : 0.0;  // -1e-20 + 360 is 360
}

Position moved(Position p, double pm_ra, double pm_dec, double years) noexcept {
  if (std::isnan(pm_ra) || std::isnan(pm_dec) || std::isnan(years)) return p;
  constexpr double degrees_per_mas = 1.0 / 3.6e6;
  // A straight line in space, which is a line of the plane that touches the sky where the star was.
  return FieldPlane(p, LocusGeometry::tangent).position({pm_ra * years * degrees_per_mas, pm_dec * years * degrees_per_mas});
}

FieldPlane::FieldPlane(Position target, LocusGeometry geometry, double angle_deg) noexcept
    : target_(target), geometry_(geometry), cos_dec_(std::cos(target.dec * degree)), sin_dec_(std::sin(target.dec * degree)) {
  const double cos_ra = std::cos(target.ra * degree), sin_ra = std::sin(target.ra * degree);
  centre_ = {cos_dec_ * cos_ra, cos_dec_ * sin_ra, sin_dec_};
  east_ = {-sin_ra, cos_ra, 0.0};
  north_ = {-sin_dec_ * cos_ra, -sin_dec_ * sin_ra, cos_dec_};
  // Without an angle all stays as it is, to the last bit.
  if (angle_deg == 0.0) return;
  cos_angle_ = std::cos(angle_deg * degree);
  sin_angle_ = std::sin(angle_deg * degree);
}

Offset FieldPlane::to_north(Offset o) const noexcept {
  if (sin_angle_ == 0.0 && cos_angle_ == 1.0) return o;
  return {o.x * cos_angle_ + o.y * sin_angle_, o.y * cos_angle_ - o.x * sin_angle_};
}

Offset FieldPlane::offset(Position star, const Direction& direction) const noexcept {
  const Offset north = north_offset(star, direction);
  if (sin_angle_ == 0.0 && cos_angle_ == 1.0) return north;
  // Behind the plane nothing is turned: infinity would become NaN.
  if (std::isinf(north.x)) return north;
  return {north.x * cos_angle_ - north.y * sin_angle_, north.x * sin_angle_ + north.y * cos_angle_};
}

Offset FieldPlane::north_offset(Position star, const Direction& direction) const noexcept {
  if (geometry_ == LocusGeometry::box) return {std::remainder(star.ra - target_.ra, 360.0) * cos_dec_, star.dec - target_.dec};
  const double depth = dot(direction, centre_);
  // Behind the plane the projection would fold back onto it.
  if (!(depth > 0.0)) return {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  const double scale = 1.0 / (depth * degree);
  return {dot(direction, east_) * scale, dot(direction, north_) * scale};
}

Position FieldPlane::position(Offset turned) const noexcept {
  const Offset offset = to_north(turned);
  if (geometry_ == LocusGeometry::box)
    return {wrapped_ra(target_.ra + offset.x / cos_dec_), std::clamp(target_.dec + offset.y, -90.0, 90.0)};
  const double xi = offset.x * degree, eta = offset.y * degree;
  const double away = cos_dec_ - eta * sin_dec_;  // from the pole's axis, along the target's meridian
  return {wrapped_ra(target_.ra + std::atan2(xi, away) / degree), std::atan2(sin_dec_ + eta * cos_dec_, std::hypot(xi, away)) / degree};
}

SkyBounds FieldPlane::bounds(FieldSize turned) const noexcept {
  const double c = std::abs(cos_angle_), s = std::abs(sin_angle_);
  const FieldSize half = s == 0.0 ? turned : FieldSize{turned.width * c + turned.height * s, turned.width * s + turned.height * c};
  SkyBounds bounds;
  const auto full_circle = [](double half_ra) { return half_ra < 180.0 ? half_ra + rounding_deg : 180.0; };
  if (geometry_ == LocusGeometry::box) {
    bounds = {target_.dec - half.height, target_.dec + half.height, full_circle(half.width / std::abs(cos_dec_))};
  } else {
    const double xi = half.width * degree, eta = half.height * degree;
    // Worked out for the northern hemisphere; the southern one is its mirror image, below.
    const double nearest_axis = cos_dec_ - eta * std::abs(sin_dec_);
    if (nearest_axis > 0.0) {
      // North of the equator Dec falls with |x| at any y: the extremes are the middle of one edge, the corners of the
      // other.
      const double edge = std::atan(eta) / degree, dec = std::abs(target_.dec);
      const double corner = std::atan2(std::abs(sin_dec_) - eta * cos_dec_, std::hypot(xi, cos_dec_ + eta * std::abs(sin_dec_))) / degree;
      bounds = {std::min(dec - edge, corner), dec + edge, full_circle(std::atan2(xi, nearest_axis) / degree)};
    } else {  // the pole lies in the rectangle
      bounds = {std::abs(target_.dec) - std::atan(std::hypot(xi, eta)) / degree, 90.0, 180.0};
    }
    if (target_.dec < 0.0) bounds = {-bounds.dec_max, -bounds.dec_min, bounds.half_ra};
  }
  bounds.dec_min -= rounding_deg;
  bounds.dec_max += rounding_deg;
  return bounds;
}

}  // namespace skyfold
