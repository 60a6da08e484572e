// Borders of HEALPix pixels, which are no great circles (Gorski et al. 2005, ApJ 622, 759, section 5.2): followed by arcs of them.
#include "skyfold/sky/border.hpp"

#include <healpix_cxx/healpix_base.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace skyfold {
namespace {

constexpr double radians = std::numbers::pi / 180.0;
constexpr double longest_edge = 2.0;      // of a pixel of order 0, radians, with its curvature (of about one radian) allowed for
constexpr double tolerance = 0.01;        // of the radius
constexpr std::int64_t most_arcs = 4096;  // of an edge

std::vector<vec3> points_of(std::int64_t pixel, int order, std::int64_t per_edge) {
  std::vector<vec3> points;
  Healpix_Base2(order, NEST).boundaries(pixel, static_cast<tsize>(per_edge), points);
  return points;
}

double edge_of(int order) { return std::ldexp(longest_edge, -order); }

Vector3 cross(const Vector3& a, const Vector3& b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
double length(const Vector3& a) { return std::sqrt(dot(a, a)); }

/// Angle between unit vectors; by the chord, which is exact for small ones.
double angle(const Vector3& a, const Vector3& b) { return 2.0 * std::asin(std::min(1.0, length({a.x - b.x, a.y - b.y, a.z - b.z}) / 2.0)); }

/// Distance of a place from an arc of a great circle.
double distance_to_arc(const Vector3& place, const Vector3& a, const Vector3& b) {
  const Vector3 pole = cross(a, b);
  const double size = length(pole);
  // Beside the arc the foot of the perpendicular lies on it; before and behind it an end is nearest.
  if (size > 0.0 && dot(cross(pole, a), place) >= 0.0 && dot(cross(b, pole), place) >= 0.0)
    return std::asin(std::min(1.0, std::abs(dot(place, pole)) / size));
  return std::min(angle(place, a), angle(place, b));
}

}  // namespace

PixelBorder::PixelBorder(std::int64_t pixel, int order, double radius_deg) : pixel_(pixel), order_(order), radius_(radius_deg * radians) {
  // An arc of length s lies s^2 / 8 r beside a curve of radius r, which near the poles is about the size of the pixel.
  const double arcs_squared = edge_of(order) / (8.0 * tolerance * radius_);
  const auto arcs = std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(std::sqrt(arcs_squared))), 1, most_arcs);
  for (const vec3& point : points_of(pixel, order, arcs)) corners_.push_back({point.x, point.y, point.z});
}

Region PixelBorder::surroundings() const {
  // Cones as far from each other as they are wide: less are too few, more find the same again.
  const auto cones = std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(edge_of(order_) / radius_)), 1, most_arcs);
  const double radius = radius_ * (1.0 + tolerance) + edge_of(order_) / static_cast<double>(cones);
  int fine = 0;
  while (fine < max_healpix_order && std::sqrt(pixel_area_deg2(fine)) * radians > radius / 2.0) ++fine;
  std::vector<KeyRange> ranges;
  for (const vec3& point : points_of(pixel_, order_, cones)) {
    const pointing place(point);
    const Region around = cone({place.phi / radians, 90.0 - place.theta / radians}, radius / radians, fine);
    ranges.insert(ranges.end(), around.begin(), around.end());
    if (ranges.size() > 100'000) ranges = united(std::move(ranges));
  }
  return united(std::move(ranges));
}

bool PixelBorder::is_near(Position position) const {
  const double theta = std::clamp((90.0 - position.dec) * radians, 0.0, std::numbers::pi);
  const vec3 at = pointing(theta, position.ra * radians).to_vec3();
  const Vector3 place{at.x, at.y, at.z};
  const double most = radius_ * (1.0 + tolerance);
  for (std::size_t i = 0; i < corners_.size(); ++i)
    if (distance_to_arc(place, corners_[i], corners_[(i + 1) % corners_.size()]) <= most) return true;
  return false;
}

}  // namespace skyfold
