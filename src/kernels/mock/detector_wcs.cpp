// Pixels to sky and back for the two projections of an infrared camera (Calabretta & Greisen 2002, A&A 395, 1077).
#include <cmath>
#include <numbers>

#include "skyfold/kernels/mock/nights.hpp"

namespace skyfold {
namespace {

constexpr double degree = std::numbers::pi / 180.0;

/// Distance from the zenith [radians] that is drawn at a distance r [radians] from the reference point.
double zenith_distance(double r, const DetectorWcs& wcs) noexcept {
  if (!wcs.is_zpn) return std::atan(r);
  double zeta = r;
  // Newton's method for r = zeta + PV2_3 zeta^3, which differs from the identity by a part in a thousand: five steps are exact.
  for (int step = 0; step < 5; ++step) zeta -= (zeta + wcs.pv3 * zeta * zeta * zeta - r) / (1.0 + 3.0 * wcs.pv3 * zeta * zeta);
  return zeta;
}

double drawn_distance(double zeta, const DetectorWcs& wcs) noexcept {
  return wcs.is_zpn ? zeta + wcs.pv3 * zeta * zeta * zeta : std::tan(zeta);
}

}  // namespace

std::array<double, 2> DetectorWcs::sky(double x, double y) const noexcept {
  const double dx = x - crpix[0], dy = y - crpix[1];
  const double xi = (cd[0] * dx + cd[1] * dy) * degree, eta = (cd[2] * dx + cd[3] * dy) * degree;
  const double r = std::hypot(xi, eta), zeta = zenith_distance(r, *this);
  // A point at distance zeta from the reference point, in the direction (xi, eta) east and north.
  const double scale = r > 0.0 ? std::sin(zeta) / r : 1.0;
  const double east = xi * scale, north = eta * scale, along = std::cos(zeta);
  const double sin0 = std::sin(crval[1] * degree), cos0 = std::cos(crval[1] * degree);
  const double dec = std::asin(along * sin0 + north * cos0);
  double ra = crval[0] + std::atan2(east, along * cos0 - north * sin0) / degree;
  if (ra < 0.0) ra += 360.0;
  if (ra >= 360.0) ra -= 360.0;
  return {ra, dec / degree};
}

std::array<double, 2> DetectorWcs::pixel(double ra, double dec) const noexcept {
  const double dra = (ra - crval[0]) * degree, d = dec * degree, d0 = crval[1] * degree;
  const double east = std::cos(d) * std::sin(dra);
  const double north = std::sin(d) * std::cos(d0) - std::cos(d) * std::sin(d0) * std::cos(dra);
  const double along = std::sin(d) * std::sin(d0) + std::cos(d) * std::cos(d0) * std::cos(dra);
  const double sine = std::hypot(east, north), zeta = std::atan2(sine, along);
  const double scale = (sine > 0.0 ? drawn_distance(zeta, *this) / sine : 1.0) / degree;
  const double xi = east * scale, eta = north * scale, determinant = cd[0] * cd[3] - cd[1] * cd[2];
  return {crpix[0] + (cd[3] * xi - cd[1] * eta) / determinant, crpix[1] + (cd[0] * eta - cd[2] * xi) / determinant};
}

}  // namespace skyfold
