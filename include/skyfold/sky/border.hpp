#pragma once

#include <cstdint>
#include <vector>

#include "skyfold/sky/frame.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/sky/region.hpp"

namespace skyfold {

/// The border of a HEALPix pixel, for what lies near it outside.
///
/// The border's curves are followed by short arcs, so finely that distances are right to a hundredth of the radius. What is within the
/// radius is found; of what is up to a hundredth beyond some is.
class PixelBorder {
 public:
  /// @param pixel   nested, of `order`
  /// @param radius_deg  in (0, 10]
  PixelBorder(std::int64_t pixel, int order, double radius_deg);

  /// Covers all places within the radius of the border, on both sides, and a few beyond.
  [[nodiscard]] Region surroundings() const;
  /// Whether a place is within the radius of the border.
  [[nodiscard]] bool is_near(Position position) const;

 private:
  std::int64_t pixel_;
  int order_;
  double radius_;                 ///< radians
  std::vector<Vector3> corners_;  ///< of the arcs, all around
};

}  // namespace skyfold
