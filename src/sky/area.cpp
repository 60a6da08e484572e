// Areas of the sky and what lies in them. A shape is searched by the tree of nested pixels: a pixel is outside, inside, or on the border,
// by bounds that are never too tight; what is on the border is decided by the position itself, so that a search gives what brute force
// gives.
#include "skyfold/sky/area.hpp"

#include <healpix_cxx/healpix_base.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "area_shapes.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr int border_orders = 5;  // by which the pixels of a cover are finer than those that are about as large as the shape

/// One tree for all: tables of 30 orders.
const std::vector<Healpix_Base2>& orders() {
  static const std::vector<Healpix_Base2> all = [] {
    std::vector<Healpix_Base2> bases;
    for (int order = 0; order <= max_healpix_order; ++order) bases.emplace_back(order, NEST);
    return bases;
  }();
  return all;
}

/// Largest distance of a point of a pixel from its centre, radians, with room for rounding.
double pixel_radius(int order) {
  static const std::vector<double> radii = [] {
    std::vector<double> all;
    for (const Healpix_Base2& base : orders()) all.push_back(base.max_pixrad() * (1.0 + 1e-9) + 1e-13);
    return all;
  }();
  return radii[static_cast<std::size_t>(order)];
}

Vector3 centre_of(int order, std::int64_t pixel) {
  const vec3 v = orders()[static_cast<std::size_t>(order)].pix2vec(pixel);
  return {v.x, v.y, v.z};
}

struct Pixel {
  int order = 0;
  std::int64_t number = 0;
};

/// Pixels that hold a shape together: the base pixels, or for a small one the pixel about its centre and its neighbours.
std::vector<Pixel> start_of(const AreaShape& shape) {
  std::vector<Pixel> pixels;
  // A disc of less than half a pixel's side cannot reach beyond the pixel of its centre and the eight about it: the narrowest pixels are
  // 0.69 sides wide between a corner and the opposite edge.
  const double side0 = std::sqrt(std::numbers::pi / 3.0);
  int order = 0;
  while (order < max_healpix_order && shape.radius() < 0.5 * side0 / static_cast<double>(std::int64_t{2} << order)) ++order;
  if (order < 2) {
    for (std::int64_t base = 0; base < 12; ++base) pixels.push_back({0, base});
    return pixels;
  }
  const Healpix_Base2& base = orders()[static_cast<std::size_t>(order)];
  const Vector3 centre = shape.centre();
  const std::int64_t middle = base.vec2pix(vec3(centre.x, centre.y, centre.z));
  fix_arr<int64, 8> beside;
  base.neighbors(middle, beside);
  pixels.push_back({order, middle});
  for (std::size_t i = 0; i < 8; ++i)
    if (beside[i] >= 0) pixels.push_back({order, beside[i]});  // at eight corners of the base pixels one is missing
  std::ranges::sort(pixels, {}, &Pixel::number);
  const auto same = std::ranges::unique(pixels, {}, &Pixel::number);
  pixels.erase(same.begin(), same.end());
  return pixels;
}

/// The walk down the tree for one shape.
struct Descent {
  const AreaShape& shape;
  const RowsOfKeys& rows_of;
  std::int64_t few;
  int last_order;
  std::int32_t number;
  std::vector<AreaRows>& found;

  void add(const AreaRows& rows, std::int32_t of) const {
    if (!found.empty() && found.back().end == rows.begin && found.back().shape == of)
      found.back().end = rows.end;
    else
      found.push_back({rows.begin, rows.end, of});
  }
  /// Returns where the rows behind the pixel begin.
  std::int64_t enter(const Pixel& pixel, const AreaRows& within) const {
    const AreaRows rows = rows_of({first_key(pixel.number, pixel.order), first_key(pixel.number + 1, pixel.order)}, within);
    if (rows.begin < rows.end) look_at(pixel, rows);
    return rows.end;
  }
  void look_at(const Pixel& pixel, const AreaRows& rows) const {
    // To judge so few costs less than to tell where their pixel lies.
    if (rows.end - rows.begin <= few / 4) return add(rows, number);
    switch (shape.place_of(centre_of(pixel.order, pixel.number), pixel_radius(pixel.order))) {
      case AreaShape::Place::outside:
        return;
      case AreaShape::Place::inside:
        return add(rows, -1);
      case AreaShape::Place::border: {
        if (pixel.order >= last_order || rows.end - rows.begin <= few) return add(rows, number);
        AreaRows rest = rows;
        for (std::int64_t child = 0; child < 4; ++child) rest.begin = enter({pixel.order + 1, 4 * pixel.number + child}, rest);
      }
    }
  }
};

}  // namespace

struct SkyArea::Shapes {
  std::vector<std::unique_ptr<const AreaShape>> all;
};

SkyArea::SkyArea() : shapes_(std::make_unique<Shapes>()) {}
SkyArea::~SkyArea() = default;
SkyArea::SkyArea(SkyArea&&) noexcept = default;
SkyArea& SkyArea::operator=(SkyArea&&) noexcept = default;

void SkyArea::add_cone(Position centre, double radius_deg) { shapes_->all.push_back(make_cone(centre, radius_deg)); }
void SkyArea::add_box(double ra_min, double ra_max, double dec_min, double dec_max) {
  shapes_->all.push_back(make_box(ra_min, ra_max, dec_min, dec_max));
}
void SkyArea::add_polygon(std::span<const Position> corners) { shapes_->all.push_back(make_polygon(corners)); }
void SkyArea::add_region(const Region& region) { shapes_->all.push_back(make_pixels(region)); }

std::size_t SkyArea::size() const noexcept { return shapes_->all.size(); }

bool SkyArea::contains(std::int64_t key, Position position) const {
  return std::ranges::any_of(shapes_->all, [&](const auto& shape) { return shape->holds(key, position); });
}

bool SkyArea::holds(std::int32_t shape, std::int64_t key, Position position) const {
  return shapes_->all[static_cast<std::size_t>(shape)]->holds(key, position);
}

void SkyArea::holds(std::int32_t shape, std::span<const std::int64_t> key, std::span<const double> ra, std::span<const double> dec,
                    std::span<std::uint8_t> inside) const {
  shapes_->all[static_cast<std::size_t>(shape)]->judge(key, ra, dec, inside);
}

std::vector<std::int32_t> SkyArea::in_sky_order() const {
  std::vector<std::pair<std::int64_t, std::int32_t>> places;
  for (std::size_t i = 0; i < size(); ++i) {
    const Vector3 centre = shapes_->all[i]->centre();
    const std::int64_t key = orders().back().vec2pix(vec3(centre.x, centre.y, centre.z));
    places.emplace_back(key, static_cast<std::int32_t>(i));
  }
  std::ranges::sort(places);
  std::vector<std::int32_t> numbers;
  numbers.reserve(places.size());
  for (const auto& place : places) numbers.push_back(place.second);
  return numbers;
}

void SkyArea::search(std::int32_t shape, const AreaRows& all, const RowsOfKeys& rows_of, std::int64_t few,
                     std::vector<AreaRows>& found) const {
  const AreaShape& wanted = *shapes_->all[static_cast<std::size_t>(shape)];
  if (const Region* pixels = wanted.pixels()) {
    AreaRows within = all;
    for (const KeyRange& keys : *pixels) {
      const AreaRows rows = rows_of(keys, within);
      if (rows.begin < rows.end) found.push_back({rows.begin, rows.end, -1});
      within.begin = rows.end;
    }
    return;
  }
  const Descent descent{wanted, rows_of, few, max_healpix_order, shape, found};
  AreaRows rest = all;
  for (const Pixel& pixel : start_of(wanted)) rest.begin = descent.enter(pixel, rest);
}

std::vector<AreaRows> SkyArea::pixels() const {
  // Keys are rows here: a table that has every key once.
  const RowsOfKeys every = [](KeyRange keys, const AreaRows&) { return AreaRows{keys.begin, keys.end, -1}; };
  std::vector<AreaRows> found;
  for (std::size_t i = 0; i < size(); ++i) {
    const AreaShape& shape = *shapes_->all[i];
    if (const Region* keys = shape.pixels()) {
      for (const KeyRange& range : *keys) found.push_back({range.begin, range.end, -1});
      continue;
    }
    const std::vector<Pixel> start = start_of(shape);
    const int last = std::min(start.front().order + border_orders, max_healpix_order);
    const Descent descent{shape, every, 0, last, static_cast<std::int32_t>(i), found};
    for (const Pixel& pixel : start) descent.enter(pixel, {});
  }
  return found;
}

Region SkyArea::cover() const {
  std::vector<KeyRange> ranges;
  for (const AreaRows& pixels : pixels()) ranges.push_back({pixels.begin, pixels.end});
  return united(std::move(ranges));
}

AreaLookup::AreaLookup(const SkyArea& area) : area_(area) {
  std::vector<KeyRange> inside, all;
  for (const AreaRows& pixels : area.pixels()) {
    all.push_back({pixels.begin, pixels.end});
    if (pixels.shape < 0)
      inside.push_back(all.back());
    else
      border_.push_back({all.back(), 0, pixels.shape});
  }
  inside_ = united(std::move(inside));
  outer_ = united(std::move(all));
  std::ranges::sort(border_, {}, [](const Border& border) { return border.keys.begin; });
  std::int64_t farthest = 0;
  for (Border& border : border_) border.farthest = farthest = std::max(farthest, border.keys.end);
}

AreaLookup::Place AreaLookup::place_of(std::int64_t key) const noexcept {
  if (!skyfold::contains(outer_, key)) return Place::outside;
  return skyfold::contains(inside_, key) ? Place::inside : Place::border;
}

bool AreaLookup::holds(std::int64_t key, Position position) const {
  auto border = std::ranges::upper_bound(border_, key, {}, [](const Border& b) { return b.keys.begin; });
  // Back to where none of what is left reaches the key.
  while (border != border_.begin() && (--border)->farthest > key)
    if (key < border->keys.end && area_.holds(border->shape, key, position)) return true;
  return false;
}

}  // namespace skyfold
