#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace skyfold {

/// HEALPix in the NESTED scheme (Gorski et al. 2005, ApJ 622, 759): NSide = 2^order, 12 NSide^2 pixels.
inline constexpr int max_healpix_order = 29;

/// A position, degrees (ICRS).
struct Position {
  double ra = 0.0, dec = 0.0;
};

/// True for finite -360 <= ra <= 360 and -90 <= dec <= 90.
[[nodiscard]] bool is_valid(Position position) noexcept;

/// Nested pixel at order 29 of a position. Computed from the angles, never through a unit vector, which would
/// move a few objects in a million across a pixel border.
[[nodiscard]] std::int64_t healpix29(Position position);
/// The same for many positions; shapes [n].
void healpix29(std::span<const double> ra, std::span<const double> dec, std::span<std::int64_t> key);

/// Pixel at `order` (0..29) that contains the order-29 pixel `key`.
[[nodiscard]] constexpr std::int64_t pixel_of(std::int64_t key, int order) noexcept { return key >> (2 * (max_healpix_order - order)); }
/// First order-29 key inside pixel `pixel` of `order`; the pixel's keys end at that of pixel + 1.
[[nodiscard]] constexpr std::int64_t first_key(std::int64_t pixel, int order) noexcept {
  return pixel << (2 * (max_healpix_order - order));
}
[[nodiscard]] constexpr std::int64_t pixel_count(int order) noexcept { return std::int64_t{12} << (2 * order); }

/// Order of an NSide. Throws UsageError unless it is a power of two in 1..2^29.
[[nodiscard]] int order_of_nside(long nside);

/// Centre of a nested pixel.
[[nodiscard]] Position pixel_centre(std::int64_t pixel, int order);

/// Area of a pixel in square degrees.
[[nodiscard]] double pixel_area_deg2(int order) noexcept;

}  // namespace skyfold
