#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "skyfold/sky/frame.hpp"
#include "skyfold/sky/region.hpp"

namespace skyfold {

/// A shape of a SkyArea.
class AreaShape {
 public:
  enum class Place { outside, inside, border };

  virtual ~AreaShape() = default;
  /// A direction, and how far from it the shape reaches, radians.
  [[nodiscard]] virtual Vector3 centre() const = 0;
  [[nodiscard]] virtual double radius() const = 0;
  /// Where a disc is: never inside or outside when some of it is not.
  [[nodiscard]] virtual Place place_of(const Vector3& centre, double radius) const = 0;
  [[nodiscard]] virtual bool holds(std::int64_t key, Position position) const = 0;
  virtual void judge(std::span<const std::int64_t> key, std::span<const double> ra, std::span<const double> dec,
                     std::span<std::uint8_t> inside) const;
  /// The pixels of a shape that is made of them.
  [[nodiscard]] virtual const Region* pixels() const { return nullptr; }
};

[[nodiscard]] std::unique_ptr<const AreaShape> make_cone(Position centre, double radius_deg);
[[nodiscard]] std::unique_ptr<const AreaShape> make_box(double ra_min, double ra_max, double dec_min, double dec_max);
[[nodiscard]] std::unique_ptr<const AreaShape> make_polygon(std::span<const Position> corners);
[[nodiscard]] std::unique_ptr<const AreaShape> make_pixels(const Region& region);

}  // namespace skyfold
