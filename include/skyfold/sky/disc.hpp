#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "skyfold/sky/frame.hpp"
#include "skyfold/sky/pixels.hpp"

namespace skyfold {

/// Consecutive pixels of one ring, by their numbers in the RING scheme.
struct RingRun {
  std::int64_t first = 0;
  std::int32_t count = 0;
  std::int32_t ring = 0;  ///< 1 to 4 NSide - 1
};

/// Number of pixels of all runs.
[[nodiscard]] std::int64_t pixel_count(const std::vector<RingRun>& runs) noexcept;

/// Finds the pixels of discs on the sky, in increasing order of RING number, as healpix_cxx and healpy.query_disc do.
///
/// Small discs away from the poles are found with a short series for the half-width of a ring's chord; whenever the
/// border of a run comes so near to a pixel centre that rounding could decide, healpix_cxx is asked instead. Holds
/// scratch memory: one object per thread.
class DiscFinder {
 public:
  explicit DiscFinder(const Pixelisation& pixels);
  ~DiscFinder();
  DiscFinder(const DiscFinder& other);  ///< shares the tables, not the scratch memory
  DiscFinder& operator=(const DiscFinder&) = delete;

  /// Pixels whose centre is inside the disc; replaces the content of `runs`.
  ///
  /// @param radius  radians, in (0, pi]
  void find(const Angles& centre, double radius, std::vector<RingRun>& runs);
  /// Pixels that the disc touches, and a few more: those of healpy.query_disc(..., inclusive=True).
  void find_inclusive(const Angles& centre, double radius, std::vector<RingRun>& runs);

 private:
  struct Rings;
  struct Scratch;
  bool find_fast(const Angles& centre, double radius, std::vector<RingRun>& runs) const;

  std::shared_ptr<const Rings> rings_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace skyfold
