// HEALPix pixels as maps use them: rings, centres and the change between the RING and NESTED schemes (Gorski et al. 2005).
#include "skyfold/sky/pixels.hpp"

#include <fmt/core.h>
#include <healpix_cxx/healpix_base.h>

#include <bit>
#include <cmath>
#include <numbers>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr long largest_nside = 1L << 29;

long checked(long nside) {
  if (nside < 1 || nside > largest_nside) throw UsageError(fmt::format("NSide = {} (must be in 1 to 2^29)", nside));
  return nside;
}

Vector3 vector_from(const vec3& v) noexcept { return {v.x, v.y, v.z}; }

/// The bits of a 32-bit number on the even places of a 64-bit one.
constexpr std::int64_t spread(std::int64_t value) noexcept {
  auto v = static_cast<std::uint64_t>(value);
  // Halving steps: blocks of 16 bits move apart, then those of 8, 4, 2 and 1 within them.
  v = (v | (v << 16)) & 0x0000ffff0000ffffU;
  v = (v | (v << 8)) & 0x00ff00ff00ff00ffU;
  v = (v | (v << 4)) & 0x0f0f0f0f0f0f0f0fU;
  v = (v | (v << 2)) & 0x3333333333333333U;
  v = (v | (v << 1)) & 0x5555555555555555U;
  return static_cast<std::int64_t>(v);
}

}  // namespace

struct Pixelisation::Schemes {
  Healpix_Base2 ring, nested;
};

Pixelisation::Pixelisation(long nside) : nside_(checked(nside)) {
  auto schemes = std::make_shared<Schemes>();
  schemes->ring.SetNside(nside, RING);
  // Only powers of two have a NESTED scheme; healpix_cxx throws for others.
  if (has_nested()) schemes->nested.SetNside(nside, NEST);
  schemes_ = std::move(schemes);
}

double Pixelisation::pixel_area_sr() const noexcept { return 4.0 * std::numbers::pi / static_cast<double>(count()); }

double Pixelisation::largest_pixel_radius() const noexcept { return schemes_->ring.max_pixrad(); }

Pixelisation::RingStart Pixelisation::ring_start(std::int64_t ring) const noexcept {
  const std::int64_t n = nside_, from_south = 4 * n - ring;
  if (ring < n) return {2 * ring * (ring - 1), 4 * ring, true};
  if (ring > 3 * n) return {count() - 2 * from_south * (from_south + 1), 4 * from_south, true};
  return {2 * n * (n - 1) + (ring - n) * 4 * n, 4 * n, ((ring - n) & 1) == 0};
}

RingInfo Pixelisation::ring(std::int64_t ring) const noexcept {
  const RingStart start = ring_start(ring);
  const double n = static_cast<double>(nside_), from_pole = static_cast<double>(ring <= 2 * nside_ ? ring : 4 * nside_ - ring);
  RingInfo info{start.first, start.count};
  // Near a pole 1 - |z| is exact where z itself would have lost it, and so is the sine that is made of it.
  const double below_pole = from_pole * from_pole / (3.0 * n * n);  // 1 - |z| in the caps
  const bool is_cap = ring < nside_ || ring > 3 * nside_;
  const double height = is_cap ? 1.0 - below_pole : 2.0 * (2.0 * n - from_pole) / (3.0 * n);
  info.z = ring <= 2 * nside_ ? height : -height;
  info.sin_theta = is_cap ? std::sqrt(below_pole * (2.0 - below_pole)) : std::sqrt((1.0 - height) * (1.0 + height));
  info.phi_step = 2.0 * std::numbers::pi / static_cast<double>(start.count);
  info.phi_first = start.is_shifted ? 0.5 * info.phi_step : 0.0;
  return info;
}

std::int64_t Pixelisation::ring_with(std::int64_t ring_pixel) const noexcept { return schemes_->ring.pix2ring(ring_pixel); }

std::int64_t Pixelisation::ring_pixel_at(const Angles& d) const noexcept { return schemes_->ring.ang2pix(pointing(d.theta, d.phi)); }

std::int64_t Pixelisation::nested_of_ring(std::int64_t ring_pixel) const noexcept { return schemes_->ring.ring2nest(ring_pixel); }

// The projection of Gorski et al. (2005), sections 4.1 and 5.3, at the centres of pixels, in whole numbers: jp and jm count
// the lines of pixel borders that rise and fall with longitude; which base pixel they belong to tells the face, and what
// remains is the place (x, y) in it, whose bits interleave to the number.
void Pixelisation::nested_of_run(std::int64_t ring, std::int64_t ring_pixel, std::span<std::int64_t> nested) const noexcept {
  const std::int64_t n = nside_;
  const int order = std::countr_zero(static_cast<std::uint64_t>(n));
  const auto number = [order](std::int64_t face, std::int64_t x, std::int64_t y) {
    return (face << (2 * order)) + spread(x) + 2 * spread(y);
  };
  const RingStart start = ring_start(ring);
  const std::int64_t first = ring_pixel - start.first;
  const auto size = static_cast<std::int64_t>(nested.size());
  if (ring < n || ring > 3 * n) {  // a polar cap: a quarter of the ring in each face
    const std::int64_t quarter = ring < n ? ring : 4 * n - ring;
    std::int64_t face = first / quarter, j = first - face * quarter;
    for (std::int64_t i = 0; i < size; ++i, ++j) {
      if (j == quarter) j = 0, ++face;
      nested[static_cast<std::size_t>(i)] = ring < n ? number(face, n - quarter + j, n - 1 - j) : number(face + 8, j, quarter - 1 - j);
    }
    return;
  }
  const std::int64_t shift = start.is_shifted ? 1 : 0;
  const std::int64_t rising = (ring + shift - n) >> 1, falling = (3 * n + shift - ring) >> 1;
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t jp = first + i + rising, jm = first + i + falling;
    const std::int64_t face_p = jp >> order, face_m = jm >> order;
    const std::int64_t face = face_p == face_m ? (face_p & 3) + 4 : face_p < face_m ? face_p & 3 : (face_m & 3) + 8;
    nested[static_cast<std::size_t>(i)] = number(face, jm & (n - 1), n - 1 - (jp & (n - 1)));
  }
}

std::int64_t Pixelisation::ring_of_nested(std::int64_t nested_pixel) const noexcept { return schemes_->nested.nest2ring(nested_pixel); }

Vector3 Pixelisation::ring_centre(std::int64_t ring_pixel) const noexcept { return vector_from(schemes_->ring.pix2vec(ring_pixel)); }

Vector3 Pixelisation::nested_centre(std::int64_t nested_pixel) const noexcept {
  return vector_from(schemes_->nested.pix2vec(nested_pixel));
}

}  // namespace skyfold
