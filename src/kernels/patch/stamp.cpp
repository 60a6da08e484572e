// The pixels around a source, with their places on the tangent plane and the turn of their axes, and the weights of a circle on
// them.
#include "skyfold/kernels/patch/stamp.hpp"

#include <cmath>

namespace skyfold {
namespace {

constexpr std::int64_t sub_pixels = 16;

void resize(Stamp& stamp, std::size_t n, bool turns) {
  stamp.pixel.resize(n);
  for (std::vector<double>* column : {&stamp.x, &stamp.y, &stamp.distance}) column->resize(n);
  for (std::vector<double>* column : {&stamp.cos_2psi, &stamp.sin_2psi}) column->resize(turns ? n : 0);
}

/// Carries the pixel's east along the great circle to the centre: v - (v . c) / (1 + p . c) (p + c).
void set_turn(const TangentBasis& basis, const Vector3& p, double cos_phi, double sin_phi, std::size_t at, Stamp& stamp) {
  const Vector3 east{-sin_phi, cos_phi, 0.0};
  const double factor = dot(east, basis.centre) / (1.0 + dot(p, basis.centre));
  const Vector3 carried{east.x - factor * (p.x + basis.centre.x), east.y - factor * (p.y + basis.centre.y),
                        -factor * (p.z + basis.centre.z)};
  const double c = dot(carried, basis.east), s = dot(carried, basis.north);
  stamp.cos_2psi[at] = c * c - s * s;
  stamp.sin_2psi[at] = 2.0 * c * s;
}

}  // namespace

void fill_stamp(const Pixelisation& pixels, const TangentBasis& basis, std::span<const RingRun> runs, bool turns, Stamp& stamp) {
  std::size_t n = 0;
  for (const RingRun& run : runs) n += static_cast<std::size_t>(run.count);
  resize(stamp, n, turns);
  std::size_t at = 0;
  for (const RingRun& run : runs) {
    const RingInfo ring = pixels.ring(run.ring);
    for (std::int32_t i = 0; i < run.count; ++i, ++at) {
      stamp.pixel[at] = run.first + i;
      const double phi = ring.phi_first + static_cast<double>(run.first + i - ring.first) * ring.phi_step;
      const double cos_phi = std::cos(phi), sin_phi = std::sin(phi);
      const Vector3 p{ring.sin_theta * cos_phi, ring.sin_theta * sin_phi, ring.z};
      const double east = dot(p, basis.east), north = dot(p, basis.north), sine = std::hypot(east, north);
      // atan2 of sine and cosine is exact for the smallest and the largest distances alike.
      const double distance = std::atan2(sine, dot(p, basis.centre));
      // An equidistant projection: distances from the source are true.
      const double stretch = sine > 0.0 ? distance / sine : 1.0;
      stamp.x[at] = east * stretch;
      stamp.y[at] = north * stretch;
      stamp.distance[at] = distance;
      if (turns) set_turn(basis, p, cos_phi, sin_phi, at, stamp);
    }
  }
}

CircleWeights::CircleWeights(const Pixelisation& pixels, bool fractional)
    : pixels_(pixels), sub_pixels_(fractional ? pixels.nside() * 4 : 1), is_fractional_(fractional) {}

void CircleWeights::fill(const Stamp& stamp, const Vector3& centre, double radius, std::vector<double>& weights) const {
  const double border = margin(), cos_radius = std::cos(radius);
  weights.resize(stamp.pixel.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double distance = stamp.distance[i];
    if (!is_fractional_ || distance <= radius - border || distance > radius + border) {
      weights[i] = distance <= radius ? 1.0 : 0.0;
      continue;
    }
    // Only pixels on the border are cut into parts; the others are wholly in or out.
    const std::int64_t first = pixels_.nested_of_ring(stamp.pixel[i]) * sub_pixels;
    int inside = 0;
    for (std::int64_t k = 0; k < sub_pixels; ++k) inside += dot(sub_pixels_.nested_centre(first + k), centre) >= cos_radius ? 1 : 0;
    weights[i] = inside / static_cast<double>(sub_pixels);
  }
}

}  // namespace skyfold
