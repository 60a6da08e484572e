// Cones, boxes, polygons and pixels: what is in them, and where a disc lies to them. Discs are judged with room to spare, positions
// exactly.
#include "area_shapes.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/sky/match.hpp"

// Sanitizers cannot run before the version is chosen, so their builds have one.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define SKYFOLD_AREA_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SKYFOLD_AREA_CLONES
#endif

namespace skyfold {
namespace {

constexpr double pi = std::numbers::pi, radians = pi / 180.0, arcsec = radians / 3600.0;
constexpr double spare = 1e-11;  // of a distance, radians: far more than rounding, far less than the smallest pixel

double squared(double x) noexcept { return x * x; }
double squared_chord(const Vector3& a, const Vector3& b) noexcept { return squared(a.x - b.x) + squared(a.y - b.y) + squared(a.z - b.z); }
double chord2_of(double angle) noexcept { return 4.0 * squared(std::sin(angle / 2.0)); }
double angle_between(const Vector3& a, const Vector3& b) noexcept {
  return 2.0 * std::asin(std::min(1.0, std::sqrt(squared_chord(a, b)) / 2.0));
}
Vector3 cross(const Vector3& a, const Vector3& b) noexcept { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
Vector3 scaled(const Vector3& v, double by) noexcept { return {v.x * by, v.y * by, v.z * by}; }
Vector3 unit(const Vector3& v) noexcept { return scaled(v, 1.0 / std::sqrt(dot(v, v))); }

/// 0 <= ra < 360.
double in_circle(double ra) noexcept {
  const double turned = ra - 360.0 * std::floor(ra / 360.0);
  return turned >= 360.0 ? 0.0 : turned;
}

constexpr double largest_judged = 0.1;  // radians, up to which the series of judge_cone are right to 1e-12
constexpr std::uint8_t undecided = 2;

/// A small cone: its centre, and haversines below and above which a position is surely in or out.
struct SmallCone {
  double ra, dec, sine, cosine, surely_in, surely_out;
};

/// The haversine formula with series, which need no call for each row, and no branch, so that it is done in vectors.
SKYFOLD_AREA_CLONES
void judge_cone(const SmallCone cone, const double* __restrict ra, const double* __restrict dec, std::size_t n,
                std::uint8_t* __restrict inside) {
  for (std::size_t i = 0; i < n; ++i) {
    double x = ra[i] - cone.ra;
    // Right ascensions lie within a circle to either side of 0; to round would be a call for each row.
    x -= 360.0 * ((x > 360.0) - (x < -360.0));
    x -= 360.0 * ((x > 180.0) - (x < -180.0));
    x *= radians;
    const double y = (dec[i] - cone.dec) * radians, y2 = y * y, x2 = x * x;
    // Products, as a division costs four times as much; the last digit does not matter.
    const double sin_y = y * (1.0 - y2 * (1.0 / 6.0) * (1.0 - y2 * (1.0 / 20.0) * (1.0 - y2 * (1.0 / 42.0))));
    const double cos_y = 1.0 - y2 * 0.5 * (1.0 - y2 * (1.0 / 12.0) * (1.0 - y2 * (1.0 / 30.0)));
    const double half_x = x * 0.5 * (1.0 - x2 * (1.0 / 24.0) * (1.0 - x2 * (1.0 / 80.0) * (1.0 - x2 * (1.0 / 168.0))));
    const double half_y = y * 0.5 * (1.0 - y2 * (1.0 / 24.0) * (1.0 - y2 * (1.0 / 80.0) * (1.0 - y2 * (1.0 / 168.0))));
    const double haversine = half_y * half_y + cone.cosine * (cone.cosine * cos_y - cone.sine * sin_y) * half_x * half_x;
    const int is_small = static_cast<int>(std::abs(x) < largest_judged) & static_cast<int>(std::abs(y) < largest_judged);
    const int is_in = is_small & (haversine < cone.surely_in), is_out = is_small & (haversine > cone.surely_out);
    inside[i] = static_cast<std::uint8_t>(undecided * (1 - is_out) - is_in);
  }
}

class ConeShape final : public AreaShape {
 public:
  ConeShape(Position centre, double radius_deg)
      : ra_(centre.ra),
        dec_(centre.dec),
        sine_(std::sin(centre.dec * radians)),
        cosine_(std::cos(centre.dec * radians)),
        centre_(direction_of(centre.ra, centre.dec)),
        radius_(std::min(radius_deg * radians, pi)),
        is_all_(radius_deg >= 180.0) {
    // Beyond 90 degrees chords hardly grow: there the distance from the opposite point decides.
    is_wide_ = radius_deg > 90.0;
    const double decides = is_wide_ ? pi - radius_ - match_tolerance_arcsec * arcsec : radius_ + match_tolerance_arcsec * arcsec;
    limit_ = decides <= 0.0 ? 0.0 : chord2_of(decides);
    const double doubt = 0.1 * match_tolerance_arcsec * arcsec;
    // Haversines: a quarter of squared chords.
    surely_in_ = 0.25 * chord2_of(std::max(0.0, radius_ + match_tolerance_arcsec * arcsec - doubt)) * (1.0 - 1e-10);
    surely_out_ = 0.25 * chord2_of(radius_ + match_tolerance_arcsec * arcsec + doubt) * (1.0 + 1e-10);
  }

  [[nodiscard]] Vector3 centre() const override { return centre_; }
  [[nodiscard]] double radius() const override { return radius_ + match_tolerance_arcsec * arcsec; }

  [[nodiscard]] Place place_of(const Vector3& at, double disc) const override {
    if (is_all_) return Place::inside;
    const double chord2 = squared_chord(centre_, at), far = radius_ + disc + spare, near = radius_ - disc - spare;
    // Squared chords of small angles lie between x^2 - x^4/12 and x^2, which is near enough and needs no sine.
    if (far < 0.01) {
      if (chord2 > squared(far)) return Place::outside;
      return near > 0.0 && chord2 < squared(near) * (1.0 - squared(near) * (1.0 / 12.0)) ? Place::inside : Place::border;
    }
    if (far < pi && chord2 > chord2_of(far)) return Place::outside;
    return near > 0.0 && chord2 < chord2_of(near) ? Place::inside : Place::border;
  }

  [[nodiscard]] bool holds(std::int64_t, Position position) const override {
    if (is_all_) return true;
    const Vector3 direction = direction_of(position.ra, position.dec);
    if (is_wide_) return squared_chord(direction, scaled(centre_, -1.0)) >= limit_;
    return squared_chord(direction, centre_) <= limit_;
  }

  void judge(std::span<const std::int64_t> key, std::span<const double> ra, std::span<const double> dec,
             std::span<std::uint8_t> inside) const override {
    if (radius_ > largest_judged / 2.0) return AreaShape::judge(key, ra, dec, inside);
    // What is near the border is judged by unit vectors afterwards.
    judge_cone({ra_, dec_, sine_, cosine_, surely_in_, surely_out_}, ra.data(), dec.data(), ra.size(), inside.data());
    for (std::size_t i = 0; i < ra.size(); ++i)
      if (inside[i] == undecided) inside[i] = holds(key[i], {ra[i], dec[i]});
  }

 private:
  double ra_, dec_, sine_, cosine_;
  Vector3 centre_;
  double radius_;
  bool is_all_, is_wide_ = false;
  double limit_ = 0.0, surely_in_ = 0.0, surely_out_ = 0.0;
};

class BoxShape final : public AreaShape {
 public:
  BoxShape(double ra_min, double ra_max, double dec_min, double dec_max) : south_(dec_min), north_(dec_max) {
    is_ring_ = ra_max - ra_min >= 360.0;
    west_ = in_circle(ra_min);
    east_ = in_circle(ra_max);
    if (east_ < west_ || (east_ == west_ && ra_max > ra_min)) east_ += 360.0;
  }

  [[nodiscard]] Vector3 centre() const override { return direction_of((west_ + east_) / 2.0, (south_ + north_) / 2.0); }
  [[nodiscard]] double radius() const override {
    // Up to a quarter of the circle to each side the corners are farthest from the middle.
    if (is_ring_ || east_ - west_ > 179.0) return pi;
    double farthest = 0.0;
    for (const double dec : {south_, north_}) farthest = std::max(farthest, angle_between(centre(), direction_of(west_, dec)));
    return farthest * (1.0 + 1e-9) + spare;
  }

  [[nodiscard]] Place place_of(const Vector3& at, double disc) const override {
    const double dec = std::atan2(at.z, std::hypot(at.x, at.y)) / radians, reach = (disc + spare) / radians;
    if (dec + reach < south_ || dec - reach > north_) return Place::outside;
    const bool is_between = dec - reach >= south_ && dec + reach <= north_;
    if (is_ring_) return is_between ? Place::inside : Place::border;
    // About a pole a disc has all right ascensions.
    if (std::abs(dec) + reach > 89.999) return Place::border;
    const double sine = std::sin(disc + spare) / std::cos(dec * radians);
    if (!(sine < 1.0)) return Place::border;
    const double ra = in_circle(std::atan2(at.y, at.x) / radians), aside = std::asin(sine) / radians + 1e-9;
    bool is_outside = true, is_inside = false;
    for (const double turn : {-360.0, 0.0, 360.0}) {
      const double low = ra + turn - aside, high = ra + turn + aside;
      if (high >= west_ && low <= east_) is_outside = false;
      if (low >= west_ && high <= east_) is_inside = true;
    }
    if (is_outside) return Place::outside;
    return is_inside && is_between ? Place::inside : Place::border;
  }

  [[nodiscard]] bool holds(std::int64_t, Position position) const override {
    if (!(position.dec >= south_ && position.dec <= north_)) return false;
    if (is_ring_) return true;
    const double ra = in_circle(position.ra);
    return (ra >= west_ && ra <= east_) || (ra + 360.0 >= west_ && ra + 360.0 <= east_);
  }

 private:
  double south_, north_, west_ = 0.0, east_ = 0.0;  ///< 0 <= west < 360, west <= east <= west + 360
  bool is_ring_ = false;
};

/// A point of the tangent plane, in which great circles are straight.
struct Plane {
  double x = 0.0, y = 0.0;
};

bool turns_left(const Plane& a, const Plane& b, const Plane& c) noexcept { return (b.x - a.x) * (c.y - a.y) > (b.y - a.y) * (c.x - a.x); }
bool cross_each_other(const Plane& a, const Plane& b, const Plane& c, const Plane& d) noexcept {
  return turns_left(a, b, c) != turns_left(a, b, d) && turns_left(c, d, a) != turns_left(c, d, b);
}

class PolygonShape final : public AreaShape {
 public:
  explicit PolygonShape(std::span<const Position> corners) {
    Vector3 sum;
    for (const Position& corner : corners) {
      corners_.push_back(direction_of(corner.ra, corner.dec));
      sum = {sum.x + corners_.back().x, sum.y + corners_.back().y, sum.z + corners_.back().z};
    }
    constexpr const char* too_large = "a polygon that does not fit into half the sky (its sides and its inside are not told apart there)";
    if (dot(sum, sum) < 1e-12) throw UsageError(too_large);
    centre_ = unit(sum);
    const Vector3 pole = std::abs(centre_.z) < 0.9 ? Vector3{0.0, 0.0, 1.0} : Vector3{1.0, 0.0, 0.0};
    east_ = unit(cross(pole, centre_));
    north_ = cross(centre_, east_);
    for (const Vector3& corner : corners_) {
      if (dot(corner, centre_) < 0.01) throw UsageError(too_large);
      radius_ = std::max(radius_, angle_between(corner, centre_) + spare);
      plane_.push_back(in_plane(corner));
    }
    refuse_crossings();
    for (std::size_t i = 0; i < corners_.size(); ++i) {
      const Vector3 normal = cross(corners_[i], corners_[(i + 1) % corners_.size()]);
      if (dot(normal, normal) < 1e-30)
        throw UsageError(fmt::format("a polygon whose corners {} and {} are one", i + 1, (i + 1) % corners_.size() + 1));
      normals_.push_back(unit(normal));
    }
  }

  [[nodiscard]] Vector3 centre() const override { return centre_; }
  [[nodiscard]] double radius() const override { return radius_; }

  [[nodiscard]] Place place_of(const Vector3& at, double disc) const override {
    const double reach = disc + spare;
    if (angle_between(at, centre_) > radius_ + reach) return Place::outside;
    for (std::size_t i = 0; i < corners_.size(); ++i)
      if (distance_from_side(i, at) <= reach) return Place::border;
    return is_within(at) ? Place::inside : Place::outside;
  }

  [[nodiscard]] bool holds(std::int64_t, Position position) const override { return is_within(direction_of(position.ra, position.dec)); }

 private:
  [[nodiscard]] Plane in_plane(const Vector3& v) const noexcept {
    const double depth = dot(v, centre_);
    return {dot(v, east_) / depth, dot(v, north_) / depth};
  }

  /// By the number of sides east of it: odd inside.
  [[nodiscard]] bool is_within(const Vector3& v) const noexcept {
    if (dot(v, centre_) <= 0.0) return false;
    const Plane p = in_plane(v);
    bool is_odd = false;
    for (std::size_t i = 0, before = plane_.size() - 1; i < plane_.size(); before = i++) {
      const Plane &a = plane_[i], &b = plane_[before];
      if ((a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x) is_odd = !is_odd;
    }
    return is_odd;
  }

  [[nodiscard]] double distance_from_side(std::size_t i, const Vector3& at) const noexcept {
    const Vector3 &a = corners_[i], &b = corners_[(i + 1) % corners_.size()], &normal = normals_[i];
    // Between the planes through the ends the circle itself is nearest, else one of the ends.
    if (dot(cross(normal, a), at) > 0.0 && dot(cross(b, normal), at) > 0.0) return std::asin(std::min(1.0, std::abs(dot(at, normal))));
    return std::min(angle_between(at, a), angle_between(at, b));
  }

  void refuse_crossings() const {
    const std::size_t n = plane_.size();
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = i + 2; k < n; ++k)
        if ((i != 0 || k + 1 != n) && cross_each_other(plane_[i], plane_[i + 1], plane_[k], plane_[(k + 1) % n]))
          throw UsageError(fmt::format("a polygon whose sides {} and {} cross (which part is inside?)", i + 1, k + 1));
  }

  std::vector<Vector3> corners_, normals_;
  std::vector<Plane> plane_;
  Vector3 centre_, east_, north_;
  double radius_ = 0.0;
};

class PixelShape final : public AreaShape {
 public:
  explicit PixelShape(const Region& region) : region_(region) {}
  [[nodiscard]] Vector3 centre() const override { return {1.0, 0.0, 0.0}; }
  [[nodiscard]] double radius() const override { return pi; }
  [[nodiscard]] Place place_of(const Vector3&, double) const override { return Place::border; }
  [[nodiscard]] bool holds(std::int64_t key, Position) const override { return contains(region_, key); }
  [[nodiscard]] const Region* pixels() const override { return &region_; }

 private:
  Region region_;
};

}  // namespace

void AreaShape::judge(std::span<const std::int64_t> key, std::span<const double> ra, std::span<const double> dec,
                      std::span<std::uint8_t> inside) const {
  for (std::size_t i = 0; i < key.size(); ++i) inside[i] = holds(key[i], {ra[i], dec[i]});
}

std::unique_ptr<const AreaShape> make_cone(Position centre, double radius_deg) { return std::make_unique<ConeShape>(centre, radius_deg); }
std::unique_ptr<const AreaShape> make_box(double ra_min, double ra_max, double dec_min, double dec_max) {
  return std::make_unique<BoxShape>(ra_min, ra_max, dec_min, dec_max);
}
std::unique_ptr<const AreaShape> make_polygon(std::span<const Position> corners) { return std::make_unique<PolygonShape>(corners); }
std::unique_ptr<const AreaShape> make_pixels(const Region& region) { return std::make_unique<PixelShape>(region); }

}  // namespace skyfold
