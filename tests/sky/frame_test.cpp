#include "skyfold/sky/frame.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "../support.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;

constexpr double degrees = 180.0 / std::numbers::pi;
constexpr Frame frames[] = {Frame::galactic, Frame::equatorial, Frame::ecliptic};

double distance_arcsec(const Vector3& a, const Vector3& b) {
  const Vector3 d{a.x - b.x, a.y - b.y, a.z - b.z};
  return std::sqrt(dot(d, d)) * degrees * 3600.0;
}

Vector3 at(double lon, double lat) { return vector_of(angles_of(lon, lat)); }

TEST(Frames, PutTheGalacticPoleAndCentreWhereTheIauDoes) {
  const FrameRotation rotation(Frame::equatorial, Frame::galactic);
  // IAU 1958 axes at J2000: Murray 1989, A&A 218, 325.
  EXPECT_LT(distance_arcsec(rotation(at(192.85948, 27.12825)), at(0.0, 90.0)), 0.05);
  EXPECT_LT(distance_arcsec(rotation(at(266.40499, -28.93617)), at(0.0, 0.0)), 0.05);
}

TEST(Frames, TiltTheEclipticByTheObliquityOfJ2000) {
  const FrameRotation rotation(Frame::ecliptic, Frame::equatorial);
  const Angles pole = angles_of(rotation(at(0.0, 90.0)));
  EXPECT_NEAR(pole.theta * degrees, 23.4392794, 1e-5);  // mean obliquity, 84381.406 arcsec
  EXPECT_LT(distance_arcsec(rotation(at(0.0, 0.0)), at(0.0, 0.0)), 0.05);
}

TEST(Frames, ComeBackWhenTurnedThereAndBack) {
  for (const Frame a : frames)
    for (const Frame b : frames)
      for (const double lat : {-90.0, -33.0, 0.0, 71.0, 90.0}) {
        const Vector3 v = at(123.4, lat);
        EXPECT_LT(distance_arcsec(FrameRotation(b, a)(FrameRotation(a, b)(v)), v), 1e-8);
      }
}

TEST(Frames, KeepLengthsAndAngles) {
  for (const Frame a : frames)
    for (const Frame b : frames) {
      const TangentBasis basis = FrameRotation(a, b)(tangent_basis(angles_of(45.0, 60.0)));
      EXPECT_NEAR(dot(basis.centre, basis.centre), 1.0, 1e-14);
      EXPECT_NEAR(dot(basis.east, basis.east), 1.0, 1e-14);
      EXPECT_NEAR(dot(basis.east, basis.north), 0.0, 1e-14);
      EXPECT_NEAR(dot(basis.centre, basis.north), 0.0, 1e-14);
    }
}

TEST(Frames, AreCalledByLetterOrName) {
  EXPECT_EQ(frame_named("g"), Frame::galactic);
  EXPECT_EQ(frame_named(" ICRS"), Frame::equatorial);
  EXPECT_EQ(frame_named("Q"), Frame::equatorial);
  EXPECT_EQ(frame_named("Ecliptic"), Frame::ecliptic);
  EXPECT_TRUE(
      contains(error_of<UsageError>([] { static_cast<void>(frame_named("X")); }), "must be G galactic, C equatorial or E ecliptic"));
}

TEST(TangentBasis, PointsEastAndNorth) {
  const TangentBasis basis = tangent_basis(angles_of(30.0, 20.0));
  const auto moved = [&](const Vector3& toward) {
    return angles_of(Vector3{basis.centre.x + 1e-6 * toward.x, basis.centre.y + 1e-6 * toward.y, basis.centre.z + 1e-6 * toward.z});
  };
  EXPECT_GT(moved(basis.east).phi, 30.0 / degrees);
  EXPECT_NEAR(moved(basis.east).theta, 70.0 / degrees, 1e-11);
  EXPECT_LT(moved(basis.north).theta, 70.0 / degrees);
}

}  // namespace
}  // namespace skyfold
