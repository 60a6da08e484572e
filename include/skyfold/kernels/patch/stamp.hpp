#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/sky/disc.hpp"
#include "skyfold/sky/frame.hpp"
#include "skyfold/sky/pixels.hpp"

namespace skyfold {

/// The pixels around a source with their places on the tangent plane; arrays of one length, in increasing order of RING
/// number. A stamp is scratch memory: it is filled again for every source.
struct Stamp {
  std::vector<std::int64_t> pixel;         ///< RING number
  std::vector<double> x, y;                ///< toward east and north, radians; the projection keeps distances from the centre
  std::vector<double> distance;            ///< from the centre, radians
  std::vector<double> cos_2psi, sin_2psi;  ///< psi: from the centre's east to the pixel's, through north; empty unless asked for
};

/// Fills the stamp with the pixels of `runs`.
///
/// @param basis    the source, and the directions that count as east and north there, in the map's frame
/// @param turns    fills cos_2psi and sin_2psi: how Q and U turn when they are carried to the source along great circles
void fill_stamp(const Pixelisation& pixels, const TangentBasis& basis, std::span<const RingRun> runs, bool turns, Stamp& stamp);

/// Membership of pixels in circles around a source.
class CircleWeights {
 public:
  /// @param fractional  parts of pixels count, by the number of their 16 sub-pixels (NSide x 4) with the centre inside; else a
  ///                    pixel counts when its own centre is inside. Needs an NSide that is a power of two.
  CircleWeights(const Pixelisation& pixels, bool fractional);

  /// Weights in [0, 1] of the stamp's pixels for the circle of this radius; replaces `weights`. The stamp must reach
  /// `margin()` beyond the circle.
  void fill(const Stamp& stamp, const Vector3& centre, double radius, std::vector<double>& weights) const;
  /// How far beyond a circle centres of pixels that count can be, radians.
  [[nodiscard]] double margin() const noexcept { return is_fractional_ ? pixels_.largest_pixel_radius() : 0.0; }

 private:
  Pixelisation pixels_, sub_pixels_;
  bool is_fractional_;
};

}  // namespace skyfold
