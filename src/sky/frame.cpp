// Celestial frames: angles, vectors, and rotations between the equatorial, galactic and ecliptic systems of J2000.
#include "skyfold/sky/frame.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr double radians = std::numbers::pi / 180.0;

using Rows = std::array<Vector3, 3>;

// Rows of the matrices that turn equatorial vectors into those of the other frames.
constexpr Rows identity = {{{1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}, {0.0, 0.0, 1.0}}};
constexpr Rows equatorial_to_galactic = {{{-0.05487553939571451, -0.8734371047274334, -0.4838349917703224},
                                          {0.4941094536233635, -0.44482959429881663, 0.74698224870205},
                                          {-0.8676661356858694, -0.19807638961094987, 0.4559837945175692}}};
constexpr Rows equatorial_to_ecliptic = {{{1.0, 4.0238655393252787e-08, 1.2468018087495808e-07},
                                          {-8.6513146001637118e-08, 0.9174821682916503, 0.39777691092727269},
                                          {-9.8385834649956543e-08, -0.39777691092728013, 0.91748216829164642}}};

const Rows& from_equatorial(Frame frame) noexcept {
  switch (frame) {
    case Frame::galactic:
      return equatorial_to_galactic;
    case Frame::ecliptic:
      return equatorial_to_ecliptic;
    case Frame::equatorial:
      break;
  }
  return identity;
}

}  // namespace

Frame frame_named(std::string_view name) {
  const std::string word = lower(trim(name));
  const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), word) != names.end();
  };
  if (is_one_of({"g", "gal", "galactic"})) return Frame::galactic;
  if (is_one_of({"c", "q", "celestial", "celestial2000", "equatorial", "icrs", "fk5", "j2000"})) return Frame::equatorial;
  if (is_one_of({"e", "ecl", "ecliptic"})) return Frame::ecliptic;
  throw UsageError(fmt::format("frame '{}' (must be G galactic, C equatorial or E ecliptic)", name));
}

Angles angles_of(double lon_deg, double lat_deg) noexcept {
  // Clamped: at the south pole rounding may pass pi, which healpix_cxx refuses.
  return {std::clamp((90.0 - lat_deg) * radians, 0.0, std::numbers::pi), lon_deg * radians};
}

// atan2 of both parts, not acos of z: that loses half the digits near the poles.
Angles angles_of(const Vector3& v) noexcept { return {std::atan2(std::hypot(v.x, v.y), v.z), std::atan2(v.y, v.x)}; }

Vector3 vector_of(const Angles& d) noexcept {
  const double sin_theta = std::sin(d.theta);
  return {sin_theta * std::cos(d.phi), sin_theta * std::sin(d.phi), std::cos(d.theta)};
}

TangentBasis tangent_basis(const Angles& d) noexcept {
  const double ct = std::cos(d.theta), st = std::sin(d.theta), cp = std::cos(d.phi), sp = std::sin(d.phi);
  return {{st * cp, st * sp, ct}, {-sp, cp, 0.0}, {-ct * cp, -ct * sp, st}};
}

FrameRotation::FrameRotation(Frame from, Frame to) noexcept : is_identity_(from == to) {
  // to . from^T: into the equatorial frame and out again; the inverse of a rotation is its transpose. Element (i, k) is
  // the product of row i of `to` and row k of `from`.
  const Rows &first = from_equatorial(from), &second = from_equatorial(to);
  for (std::size_t i = 0; i < 3; ++i) rows_[i] = {dot(second[i], first[0]), dot(second[i], first[1]), dot(second[i], first[2])};
}

Vector3 FrameRotation::operator()(const Vector3& v) const noexcept {
  // As it is: a product with the unit matrix could turn -0 into 0.
  if (is_identity_) return v;
  return {dot(rows_[0], v), dot(rows_[1], v), dot(rows_[2], v)};
}

TangentBasis FrameRotation::operator()(const TangentBasis& b) const noexcept {
  return {(*this)(b.centre), (*this)(b.east), (*this)(b.north)};
}

}  // namespace skyfold
