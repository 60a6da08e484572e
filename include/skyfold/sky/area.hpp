#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "skyfold/sky/region.hpp"

namespace skyfold {

/// Rows [begin, end) of a table in the order of nested keys, as a search of the sky finds them.
struct AreaRows {
  std::int64_t begin = 0, end = 0;
  std::int32_t shape = -1;  ///< -1: all of them are inside; else those that the shape of that number holds
};
/// The rows whose keys lie in `keys`, looked for in [begin, end) of `within` alone.
using RowsOfKeys = std::function<AreaRows(KeyRange keys, const AreaRows& within)>;

/// A part of the sky, exactly: what lies in any of its shapes. Degrees, ICRS.
class SkyArea {
 public:
  SkyArea();
  ~SkyArea();
  SkyArea(SkyArea&& other) noexcept;
  SkyArea& operator=(SkyArea&& other) noexcept;

  /// All that is within `radius_deg` (<=, with match_tolerance_arcsec; 0..; 180 and more: the whole sky), by unit vectors.
  void add_cone(Position centre, double radius_deg);
  /// From `ra_min` eastward to `ra_max`, through 0 where that is smaller, and between two declinations; borders included. Of 360 degrees
  /// and more it is a ring.
  void add_box(double ra_min, double ra_max, double dec_min, double dec_max);
  /// The inside of a polygon whose sides are great circles, of at least 3 corners, convex or not. Throws UsageError for one that does not
  /// fit into half the sky, or whose sides cross.
  void add_polygon(std::span<const Position> corners);
  /// Whole pixels: what has a key in them is inside.
  void add_region(const Region& region);

  [[nodiscard]] std::size_t size() const noexcept;  ///< number of shapes
  /// Whether a position lies in any shape.
  /// @param key  of the position
  [[nodiscard]] bool contains(std::int64_t key, Position position) const;
  /// Whether it lies in that shape.
  [[nodiscard]] bool holds(std::int32_t shape, std::int64_t key, Position position) const;
  /// The same for many: 1 or 0 each; shapes [n].
  void holds(std::int32_t shape, std::span<const std::int64_t> key, std::span<const double> ra, std::span<const double> dec,
             std::span<std::uint8_t> inside) const;

  /// Numbers of the shapes in the order of the sky: searched so, what was read for one is near what the next one needs.
  [[nodiscard]] std::vector<std::int32_t> in_sky_order() const;
  /// Finds the rows of one shape: appends ranges, increasing and disjoint but for those of a region. A pixel on the border is cut up until
  /// it has at most `few` rows, which are left to `holds`.
  void search(std::int32_t shape, const AreaRows& all, const RowsOfKeys& rows_of, std::int64_t few, std::vector<AreaRows>& found) const;
  /// Pixels that cover it: ranges of keys, each inside a shape or on the border of one, in no order. Those on a border are small beside the
  /// shape.
  [[nodiscard]] std::vector<AreaRows> pixels() const;
  /// The union of these.
  [[nodiscard]] Region cover() const;

 private:
  struct Shapes;
  std::unique_ptr<Shapes> shapes_;
};

/// Looks up positions in any order: most are told by their keys, through the cover of an area; those on a border by the shapes there.
class AreaLookup {
 public:
  enum class Place { outside, inside, border };

  /// `area` must outlive this.
  explicit AreaLookup(const SkyArea& area);

  [[nodiscard]] Place place_of(std::int64_t key) const noexcept;
  /// Whether a position on the border is inside.
  [[nodiscard]] bool holds(std::int64_t key, Position position) const;

 private:
  struct Border {
    KeyRange keys;
    std::int64_t farthest;  ///< end of this one and all before it
    std::int32_t shape;
  };
  const SkyArea& area_;
  Region inside_, outer_;
  std::vector<Border> border_;  ///< by where they begin
};

}  // namespace skyfold
