// Mean position, scatter and proper motion of one object, in the tangent plane.
#include "skyfold/kernels/lightcurve/motion.hpp"

#include <algorithm>
#include <numbers>

namespace skyfold::lightcurve {
namespace {

constexpr double degree = std::numbers::pi / 180.0;
constexpr double arcsec = degree / 3600.0;
constexpr double year_days = 365.25;

/// sin and cos of an angle. Near the reference position, where nearly all are, the series is exact: x^9 / 9! < 1e-24.
struct SineCosine {
  double s, c;
  explicit SineCosine(double x) noexcept {
    if (std::abs(x) < 0.01) {
      const double y = x * x;
      s = x * (1.0 - y / 6.0 * (1.0 - y / 20.0 * (1.0 - y / 42.0)));
      c = 1.0 - y / 2.0 * (1.0 - y / 12.0 * (1.0 - y / 30.0 * (1.0 - y / 56.0)));
    } else {
      s = std::sin(x);
      c = std::cos(x);
    }
  }
};

/// The gnomonic projection about a position, written with differences, so that milliarcseconds keep their digits.
struct Projection {
  double ra0, dec0, s0 = std::sin(dec0 * degree), c0 = std::cos(dec0 * degree);

  [[nodiscard]] PlanePoint operator()(double ra, double dec) const noexcept {
    const SineCosine half(0.5 * std::remainder(ra - ra0, 360.0) * degree), north((dec - dec0) * degree);
    const double c = c0 * north.c - s0 * north.s, versine = 2.0 * c * half.s * half.s;
    const double toward = north.c - versine * c0;
    return {2.0 * c * half.s * half.c / toward, (north.s + versine * s0) / toward, 1.0};
  }
};

/// The way back.
void set_position(PlanePoint p, double ra0, double dec0, Motion& m) noexcept {
  const double s0 = std::sin(dec0 * degree), c0 = std::cos(dec0 * degree);
  const double toward = c0 - p.y * s0;
  const double ra = ra0 + std::atan2(p.x, toward) / degree;
  m.ra = ra - 360.0 * std::floor(ra / 360.0);
  m.dec = std::atan2(s0 + p.y * c0, std::hypot(p.x, toward)) / degree;
}

/// Sum of what `value` gives for each position.
template <class Value>
double sum_of(std::span<const PlanePoint> points, const Value& value) noexcept {
  CompensatedSum total;
  for (std::size_t i = 0; i < points.size(); ++i) total.add(value(i));
  return total.value();
}

/// The slopes of the line through positions about their mean, and their errors.
void fit_line(const Track& track, std::span<const PlanePoint> points, PlanePoint mean, Motion& m) noexcept {
  constexpr double mas = arcsec / 1000.0;
  const auto time = [&](std::size_t i) { return (track.mjd[i] - m.epoch) / year_days; };
  const double tt = sum_of(points, [&](std::size_t i) { return points[i].weight * time(i) * time(i); });
  if (!(tt > 0.0)) return;
  const double x = sum_of(points, [&](std::size_t i) { return points[i].weight * time(i) * (points[i].x - mean.x); }) / tt;
  const double y = sum_of(points, [&](std::size_t i) { return points[i].weight * time(i) * (points[i].y - mean.y); }) / tt;
  m.pm_ra = x / mas;
  m.pm_dec = y / mas;
  m.pm_ra_err = m.pm_dec_err = 1000.0 / std::sqrt(tt);
  if (!track.err.empty()) return;
  const auto error = [&](const auto& rest) {
    const double squares = sum_of(points, [&](std::size_t i) { return rest(i) * rest(i); });
    return std::sqrt(squares / static_cast<double>(points.size() - 2) / tt) / mas;
  };
  m.pm_ra_err = error([&](std::size_t i) { return points[i].x - mean.x - x * time(i); });
  m.pm_dec_err = error([&](std::size_t i) { return points[i].y - mean.y - y * time(i); });
}

}  // namespace

Motion motion_of(const Track& track, double ra0, double dec0, const MotionRule& rule, std::vector<PlanePoint>& points) {
  Motion m;
  const std::size_t n = track.mjd.size();
  m.n = static_cast<std::int32_t>(n);
  points.clear();
  if (n == 0) return m;
  const Projection project{ra0, dec0};
  for (std::size_t i = 0; i < n; ++i) {
    points.push_back(project(track.ra[i], track.dec[i]));
    if (!track.err.empty()) points.back().weight = 1.0 / (track.err[i] * track.err[i]);
  }
  const double weights = sum_of(points, [&](std::size_t i) { return points[i].weight; });
  const auto mean_of = [&](const auto& value) {
    return sum_of(points, [&](std::size_t i) { return points[i].weight * value(i); }) / weights;
  };
  const PlanePoint mean{mean_of([&](std::size_t i) { return points[i].x; }), mean_of([&](std::size_t i) { return points[i].y; })};
  set_position(mean, ra0, dec0, m);
  m.epoch = track.mjd[0] + mean_of([&](std::size_t i) { return track.mjd[i] - track.mjd[0]; });
  if (n < 2) return m;
  const double squares = sum_of(points, [&](std::size_t i) {
    return (points[i].x - mean.x) * (points[i].x - mean.x) + (points[i].y - mean.y) * (points[i].y - mean.y);
  });
  m.scatter_arcsec = std::sqrt(squares / (2.0 * static_cast<double>(n - 1))) / arcsec;
  const auto [first, last] = std::minmax_element(track.mjd.begin(), track.mjd.end());
  if (m.n >= std::max(rule.min_n, 3) && *last - *first >= rule.min_span_days) fit_line(track, points, mean, m);
  return m;
}

}  // namespace skyfold::lightcurve
