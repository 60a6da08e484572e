// The Hierarchical Triangular Mesh (Kunszt, Szalay & Thakar 2001, in "Mining the Sky", 631): eight spherical triangles, each cut into
// four by the midpoints of its edges, again and again.
#include "skyfold/sky/htm.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "skyfold/sky/frame.hpp"

namespace skyfold {
namespace {

using Trixel = std::array<Vector3, 3>;

constexpr double edge_tolerance = 1e-15;  // of the JHU library
// Nearer to an edge than this, the rule of the library decides, with its arithmetic; farther, any arithmetic gives its answer.
constexpr double safe_distance = 1e-12;

constexpr Vector3 cross(const Vector3& a, const Vector3& b) noexcept {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

Vector3 midpoint(const Vector3& a, const Vector3& b) noexcept {
  const Vector3 sum{a.x + b.x, a.y + b.y, a.z + b.z};
  const double scale = 1.0 / std::sqrt(dot(sum, sum));
  return {sum.x * scale, sum.y * scale, sum.z * scale};
}

constexpr std::array<Vector3, 6> corner = {
    {{0.0, 0.0, 1.0}, {1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}, {-1.0, 0.0, 0.0}, {0.0, -1.0, 0.0}, {0.0, 0.0, -1.0}}};
/// Roots 8 to 15: S0 to S3, N0 to N3.
constexpr std::array<Trixel, 8> roots = {{{corner[1], corner[5], corner[2]},
                                          {corner[2], corner[5], corner[3]},
                                          {corner[3], corner[5], corner[4]},
                                          {corner[4], corner[5], corner[1]},
                                          {corner[1], corner[0], corner[4]},
                                          {corner[4], corner[0], corner[3]},
                                          {corner[3], corner[0], corner[2]},
                                          {corner[2], corner[0], corner[1]}}};

/// Midpoints of the edges opposite to each corner.
Trixel midpoints(const Trixel& v) noexcept { return {midpoint(v[1], v[2]), midpoint(v[0], v[2]), midpoint(v[0], v[1])}; }

Trixel child_of(const Trixel& v, const Trixel& w, int child) noexcept {
  if (child == 0) return {v[0], w[2], w[1]};
  if (child == 1) return {v[1], w[0], w[2]};
  if (child == 2) return {v[2], w[1], w[0]};
  return w;
}

bool is_inside(const Vector3& p, const Trixel& v) noexcept {
  return dot(cross(v[0], v[1]), p) >= -edge_tolerance && dot(cross(v[1], v[2]), p) >= -edge_tolerance &&
         dot(cross(v[2], v[0]), p) >= -edge_tolerance;
}

/// As the library does it: the first that holds the position, of the roots and then of four children.
std::int64_t id_by_rule(const Vector3& p, int level) noexcept {
  std::size_t root = 0;
  while (root + 1 < roots.size() && !is_inside(p, roots[root])) ++root;
  Trixel v = roots[root];
  std::int64_t id = 8 + static_cast<std::int64_t>(root);
  for (; level > 0; --level) {
    const Trixel w = midpoints(v);
    int child = 0;
    while (child < 3 && !is_inside(p, child_of(v, w, child))) ++child;
    v = child_of(v, w, child);
    id = 4 * id + child;
  }
  return id;
}

/// Planes that cut a trixel into its children: a position lies in child 0, 1 or 2 where it is in front of that one's, else in child 3.
struct Planes {
  std::array<Vector3, 3> normal;
  explicit Planes(const Trixel& w) noexcept : normal{cross(w[2], w[1]), cross(w[0], w[2]), cross(w[1], w[0])} {}
  [[nodiscard]] Vector3 heights(const Vector3& p) const noexcept { return {dot(normal[0], p), dot(normal[1], p), dot(normal[2], p)}; }
};

/// The trixels of the first levels are few: their planes are made once.
constexpr int kept_levels = 5;
class FirstLevels {
 public:
  FirstLevels() {
    trixels_.assign(roots.begin(), roots.end());
    for (int level = 0; level < kept_levels; ++level) {
      std::vector<Trixel> children;
      for (const Trixel& v : trixels_) {
        const Trixel w = midpoints(v);
        planes_.emplace_back(w);
        for (int child = 0; child < 4; ++child) children.push_back(child_of(v, w, child));
      }
      trixels_ = std::move(children);
    }
  }
  [[nodiscard]] const Planes& planes(std::int64_t id, int level) const noexcept {
    // Before this level there are 8 (1 + 4 + 16 + ...) others.
    const std::int64_t before = 8 * ((std::int64_t{1} << (2 * level)) - 1) / 3;
    return planes_[static_cast<std::size_t>(before + id - (std::int64_t{8} << (2 * level)))];
  }
  /// Of level kept_levels.
  [[nodiscard]] const Trixel& trixel(std::int64_t id) const noexcept {
    return trixels_[static_cast<std::size_t>(id - (std::int64_t{8} << (2 * kept_levels)))];
  }

 private:
  std::vector<Planes> planes_;
  std::vector<Trixel> trixels_;
};

/// By one plane for each child; nothing where the position is so near to one that rounding decides.
std::optional<std::int64_t> id_by_planes(const Vector3& p, int level) noexcept {
  static const FirstLevels first;
  const auto is_unsure = [](const Vector3& d) {
    return (std::abs(d.x) < safe_distance) | (std::abs(d.y) < safe_distance) | (std::abs(d.z) < safe_distance);
  };
  const auto child_in = [](const Vector3& d) { return d.x > 0.0 ? 0 : d.y > 0.0 ? 1 : d.z > 0.0 ? 2 : 3; };
  if (is_unsure(p)) return std::nullopt;
  // By octants: longitudes from 0 in quarters, counted on in the South and back in the North.
  const int quarter = p.y > 0.0 ? (p.x > 0.0 ? 0 : 1) : (p.x > 0.0 ? 3 : 2);
  std::int64_t id = p.z > 0.0 ? 15 - quarter : 8 + quarter;
  int at = 0;
  for (; at < std::min(level, kept_levels); ++at) {
    const Vector3 d = first.planes(id, at).heights(p);
    if (is_unsure(d)) return std::nullopt;
    id = 4 * id + child_in(d);
  }
  if (at == level) return id;
  for (Trixel v = first.trixel(id); at < level; ++at) {
    const Trixel w = midpoints(v);
    const Vector3 d = Planes(w).heights(p);
    if (is_unsure(d)) return std::nullopt;
    const int child = child_in(d);
    v = child_of(v, w, child);
    id = 4 * id + child;
  }
  return id;
}

}  // namespace

std::int64_t htm_id(Position position, int level) {
  constexpr double radians = 3.14159265358979323846 / 180.0;
  const double cos_dec = std::cos(position.dec * radians);
  const Vector3 p{std::cos(position.ra * radians) * cos_dec, std::sin(position.ra * radians) * cos_dec, std::sin(position.dec * radians)};
  const std::optional<std::int64_t> id = id_by_planes(p, level);
  return id ? *id : id_by_rule(p, level);
}

void htm_ids(std::span<const double> ra, std::span<const double> dec, int level, std::span<std::int64_t> ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = htm_id({ra[i], dec[i]}, level);
}

}  // namespace skyfold
