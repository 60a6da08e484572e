#pragma once

#include <string_view>

namespace skyfold {

/// Celestial reference systems, J2000, by the letters of the FITS keyword COORDSYS.
enum class Frame : char { galactic = 'G', equatorial = 'C', ecliptic = 'E' };

[[nodiscard]] constexpr char letter_of(Frame frame) noexcept { return static_cast<char>(frame); }
/// By letter or name, in any case: G, galactic; C, Q, celestial, equatorial, ICRS, J2000; E, ecliptic. Throws UsageError
/// for another one.
[[nodiscard]] Frame frame_named(std::string_view name);

/// A vector in Cartesian coordinates; a direction when its length is 1.
struct Vector3 {
  double x = 0.0, y = 0.0, z = 0.0;
};

[[nodiscard]] constexpr double dot(const Vector3& a, const Vector3& b) noexcept { return a.x * b.x + a.y * b.y + a.z * b.z; }

/// Colatitude and longitude, radians: theta in [0, pi], phi any.
struct Angles {
  double theta = 0.0, phi = 0.0;
};

/// Degrees to a direction. Latitudes that pass a pole by rounding are moved back to it.
[[nodiscard]] Angles angles_of(double lon_deg, double lat_deg) noexcept;
/// phi in (-pi, pi].
[[nodiscard]] Angles angles_of(const Vector3& v) noexcept;
[[nodiscard]] Vector3 vector_of(const Angles& direction) noexcept;

/// A direction with the unit vectors toward increasing longitude (east) and latitude (north) there.
struct TangentBasis {
  Vector3 centre, east, north;
};
[[nodiscard]] TangentBasis tangent_basis(const Angles& direction) noexcept;

/// Turns vectors of one frame into the other's. The axes are those of healpy.Rotator (astropy's galactic, FK5 and
/// barycentric mean ecliptic frames at J2000); ICRS and FK5 J2000 differ by 0.02 arcsec, which is left out.
class FrameRotation {
 public:
  FrameRotation(Frame from, Frame to) noexcept;

  [[nodiscard]] bool is_identity() const noexcept { return is_identity_; }
  [[nodiscard]] Vector3 operator()(const Vector3& v) const noexcept;
  [[nodiscard]] TangentBasis operator()(const TangentBasis& basis) const noexcept;

 private:
  Vector3 rows_[3];
  bool is_identity_;
};

}  // namespace skyfold
