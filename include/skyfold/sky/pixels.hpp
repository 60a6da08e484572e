#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "skyfold/sky/frame.hpp"

namespace skyfold {

/// A ring of pixels of equal latitude.
struct RingInfo {
  std::int64_t first = 0, count = 0;       ///< its pixels in the RING scheme
  double z = 0.0, sin_theta = 0.0;         ///< of the pixel centres
  double phi_first = 0.0, phi_step = 0.0;  ///< longitude of the first centre and from one to the next, radians
};

/// The HEALPix pixels of one NSide (Gorski et al. 2005, ApJ 622, 759), in both numberings. Rings are counted from the
/// north, 1 to 4 NSide - 1. Constant: threads may share it.
class Pixelisation {
 public:
  /// Throws UsageError unless 1 <= nside <= 2^29. The NESTED scheme exists for powers of two only.
  explicit Pixelisation(long nside);

  [[nodiscard]] long nside() const noexcept { return nside_; }
  [[nodiscard]] std::int64_t count() const noexcept { return 12 * static_cast<std::int64_t>(nside_) * nside_; }
  [[nodiscard]] std::int64_t rings() const noexcept { return 4 * static_cast<std::int64_t>(nside_) - 1; }
  [[nodiscard]] bool has_nested() const noexcept { return (nside_ & (nside_ - 1)) == 0; }
  [[nodiscard]] double pixel_area_sr() const noexcept;
  /// Largest distance of a point of a pixel from its centre, radians.
  [[nodiscard]] double largest_pixel_radius() const noexcept;

  [[nodiscard]] RingInfo ring(std::int64_t ring) const noexcept;
  [[nodiscard]] std::int64_t ring_with(std::int64_t ring_pixel) const noexcept;
  [[nodiscard]] std::int64_t ring_pixel_at(const Angles& direction) const noexcept;
  [[nodiscard]] std::int64_t nested_of_ring(std::int64_t ring_pixel) const noexcept;
  [[nodiscard]] std::int64_t ring_of_nested(std::int64_t nested_pixel) const noexcept;
  /// NESTED numbers of consecutive pixels of a ring, several times faster than one by one; shape [n].
  ///
  /// @param ring_pixel  the first one, in that ring; all of them must be
  void nested_of_run(std::int64_t ring, std::int64_t ring_pixel, std::span<std::int64_t> nested) const noexcept;
  /// Centres of pixels.
  [[nodiscard]] Vector3 ring_centre(std::int64_t ring_pixel) const noexcept;
  [[nodiscard]] Vector3 nested_centre(std::int64_t nested_pixel) const noexcept;

 private:
  struct Schemes;
  struct RingStart {
    std::int64_t first, count;
    bool is_shifted;  ///< the first centre is half a step from longitude 0
  };
  [[nodiscard]] RingStart ring_start(std::int64_t ring) const noexcept;

  long nside_;
  std::shared_ptr<const Schemes> schemes_;
};

/// Values of all pixels of one map column in memory, in single or double precision; NaN where missing.
struct PixelValues {
  const float* f4 = nullptr;
  const double* f8 = nullptr;

  [[nodiscard]] bool is_empty() const noexcept { return f4 == nullptr && f8 == nullptr; }
  [[nodiscard]] double operator[](std::int64_t pixel) const noexcept { return f4 != nullptr ? static_cast<double>(f4[pixel]) : f8[pixel]; }
};

}  // namespace skyfold
