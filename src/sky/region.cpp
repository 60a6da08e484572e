// Regions of the sky as ranges of HEALPix keys: cones and the surroundings of positions, never too small, at most a little too
// large. A catalogue in HEALPix order then has the rows of a region in few ranges.
#include "skyfold/sky/region.hpp"

#include <healpix_cxx/healpix_base.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace skyfold {
namespace {

constexpr double radians = std::numbers::pi / 180.0;
constexpr int cone_sharpness = 2;  // orders by which pixels of a dilated region are finer than its radius
constexpr int oversampling = 4;    // of healpix_cxx's inclusive search: fewer pixels that only nearly touch

Healpix_Base2 base(int order) { return {order, NEST}; }

/// Order whose pixels are a little smaller than the radius.
int order_of_radius(double radius_deg) {
  int order = 0;
  while (order < max_healpix_order - cone_sharpness && std::sqrt(pixel_area_deg2(order)) > radius_deg) ++order;
  return order;
}

void add_cone(const Healpix_Base2& pixels, Position centre, double radius_deg, std::vector<KeyRange>& ranges) {
  rangeset<int64> covered;
  const double theta = std::clamp((90.0 - centre.dec) * radians, 0.0, std::numbers::pi);
  pixels.query_disc_inclusive(pointing(theta, centre.ra * radians), std::min(radius_deg * radians, std::numbers::pi), covered,
                              oversampling);
  const int order = pixels.Order();
  for (tsize i = 0; i < covered.nranges(); ++i)
    ranges.push_back({first_key(covered.ivbegin(i), order), first_key(covered.ivend(i), order)});
}

}  // namespace

Region united(std::vector<KeyRange> ranges) {
  std::ranges::sort(ranges, {}, &KeyRange::begin);
  Region region;
  for (const KeyRange& range : ranges) {
    if (range.begin >= range.end) continue;
    // Ranges that touch are joined, too: each range becomes a reading of its own.
    if (!region.empty() && range.begin <= region.back().end)
      region.back().end = std::max(region.back().end, range.end);
    else
      region.push_back(range);
  }
  return region;
}

bool contains(const Region& region, std::int64_t key) noexcept {
  // Ranges are disjoint, so only the last one that begins at or before the key may hold it.
  const auto after = std::ranges::upper_bound(region, key, {}, &KeyRange::begin);
  return after != region.begin() && key < std::prev(after)->end;
}

double area_deg2(const Region& region) noexcept {
  double keys = 0.0;
  for (const KeyRange& range : region) keys += static_cast<double>(range.end - range.begin);
  return keys * pixel_area_deg2(max_healpix_order);
}

Region cone(Position centre, double radius_deg, int order) {
  std::vector<KeyRange> ranges;
  add_cone(base(order), centre, radius_deg, ranges);
  return united(std::move(ranges));
}

Region dilated(std::span<const std::int64_t> keys, double radius_deg) {
  const int order = order_of_radius(radius_deg);
  std::vector<std::int64_t> pixels;
  for (const std::int64_t key : keys) {
    const std::int64_t pixel = pixel_of(key, order);
    // Keys come in sky order, so most repetitions stand side by side; the rest falls to unique below.
    if (pixels.empty() || pixels.back() != pixel) pixels.push_back(pixel);
  }
  std::ranges::sort(pixels);
  pixels.erase(std::ranges::unique(pixels).begin(), pixels.end());
  const Healpix_Base2 fine = base(order + cone_sharpness);
  // A cone around the pixel's centre that holds the cones around all positions in it.
  const double radius = radius_deg + base(order).max_pixrad() / radians;
  std::vector<KeyRange> ranges;
  for (const std::int64_t pixel : pixels) {
    add_cone(fine, pixel_centre(pixel, order), radius, ranges);
    // Cones overlap many times over: united now and then, they stay few.
    if (ranges.size() > 100'000) ranges = united(std::move(ranges));
  }
  return united(std::move(ranges));
}

}  // namespace skyfold
