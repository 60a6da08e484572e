// Pixels of a HEALPix map inside a disc (Gorski et al. 2005, ApJ 622, 759), as runs along rings. Small discs are cut into chords
// with vector instructions, four rings at a time; wherever rounding could decide about a pixel, healpix_cxx is asked instead, so
// that the answer is always its own.
#include "skyfold/sky/disc.hpp"

#include <healpix_cxx/healpix_base.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

namespace skyfold {
namespace {

// Sanitizers cannot run before the version is chosen, so their builds have one.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define SKYFOLD_DISC_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SKYFOLD_DISC_CLONES
#endif
#define SKYFOLD_DISC_INLINE inline __attribute__((always_inline))
#pragma GCC diagnostic ignored "-Wpsabi"  // vectors are passed between inlined functions only

constexpr long fast_nside = 8192;        // the error estimates of find_fast hold up to here
constexpr double fast_slope = 0.08;      // largest radius / sin(theta) of the short series
constexpr double undecided = 1e-6;       // pixels: nearer than this to a pixel centre, rounding could decide
constexpr double shortest_chord = 0.02;  // pixels: half-width below which the chord's own rounding matters
constexpr std::int64_t n_lanes = 4;      // rings at a time
constexpr std::int64_t block_rings = 64;
constexpr int inclusive_factor = 4;  // healpy's default

/// Where a block of rings begins in the tables, and the disc, as the ring loop needs it.
struct Chords {
  double z0, inverse_sin0, cos_radius, phi;
};

typedef double Lanes __attribute__((vector_size(32)));
typedef std::int64_t LaneBits __attribute__((vector_size(32)));
typedef std::uint64_t UnsignedLanes __attribute__((vector_size(32)));

SKYFOLD_DISC_INLINE Lanes load(const double* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

/// 1 / sqrt(v) for v > 0, to the last bits: halving the exponent gives a guess within 4 %, and each of Newton's steps
/// doubles the digits. (sqrt of the library sets errno, which keeps compilers from using vector registers.)
SKYFOLD_DISC_INLINE Lanes inverse_root(const Lanes& v) {
  UnsignedLanes bits;
  std::memcpy(&bits, &v, sizeof bits);
  bits = 0x5fe6eb50c7b537a9 - (bits >> 1);
  Lanes root;
  std::memcpy(&root, &bits, sizeof root);
  for (int step = 0; step < 4; ++step) root *= 1.5 - 0.5 * v * root * root;
  return root;
}

/// The largest integer below v, but for v within 1e-11 of one, which is called undecided anyway.
SKYFOLD_DISC_INLINE Lanes floor_of(const Lanes& v) {
  constexpr double no_fraction = 0x1.8p52;  // doubles of this size are integers: adding rounds to the nearest
  return v - 0.5 + no_fraction - no_fraction;
}

/// Numbers within their ring of the first and last pixel inside the disc, for `n` rings rounded up to whole lanes;
/// longitudes below 0 give negative numbers. Sets `doubt` where rounding could decide about a pixel.
///
/// On a ring at height z, x = (cos r - z z0) / sin theta0 and y^2 = 1 - z^2 - x^2 are the coordinates of the chord's end
/// (spherical cosine rule), so half its width in longitude is atan(y / x).
SKYFOLD_DISC_CLONES
void chord_pixels(const Chords disc, const double* z, const double* per_radian, const double* shift, std::int64_t n, double* low,
                  double* high, std::int64_t* doubt) {
  for (std::int64_t i = 0; i < n; i += n_lanes) {
    const Lanes height = load(z + i), pixels = load(per_radian + i);
    const Lanes x = (disc.cos_radius - height * disc.z0) * disc.inverse_sin0;
    const Lanes y2 = (1.0 - height) * (1.0 + height) - x * x;
    // t = y / x, the tangent of half the chord's width, by one inverse root instead of a root and a division.
    const Lanes t = y2 * inverse_root(y2 * x * x), t2 = t * t;
    const Lanes series =
        1.0 + t2 * (-1.0 / 3.0 + t2 * (1.0 / 5.0 + t2 * (-1.0 / 7.0 + t2 * (1.0 / 9.0 + t2 * (-1.0 / 11.0 + t2 * (1.0 / 13.0))))));
    const Lanes half = pixels * (t * series), middle = pixels * disc.phi - load(shift + i);
    const Lanes begin = middle - half, end = middle + half;
    const Lanes before = floor_of(begin), last = floor_of(end), first = before + 1.0;
    const Lanes begin_part = begin - before - 0.5, end_part = end - last - 0.5;
    // Ends near a pixel's centre, chords of almost no width and rings that only touch the disc: not ours to decide.
    const LaneBits unsure = (begin_part > 0.5 - undecided) | (begin_part < undecided - 0.5) | (end_part > 0.5 - undecided) |
                            (end_part < undecided - 0.5) | ~(half > shortest_chord) | ~(y2 > 0.0);
    std::memcpy(low + i, &first, sizeof first);
    std::memcpy(high + i, &last, sizeof last);
    std::memcpy(doubt + i, &unsure, sizeof unsure);
  }
}

/// Number of the ring, as a real number, at height z: the inverse of the heights of the rings.
double ring_at(double z, double nside) {
  // In the equatorial belt rings are equally spaced in z; in the caps 1 - |z| grows with the square of the ring.
  if (std::abs(z) <= 2.0 / 3.0) return nside * (2.0 - 1.5 * z);
  const double polar = nside * std::sqrt(3.0 * (1.0 - std::abs(z)));
  return z > 0.0 ? polar : 4.0 * nside - polar;
}

/// Where a ring begins, and its length.
struct RingStart {
  std::int64_t first = 0;
  std::int32_t count = 0;
};

bool is_undecided(double place) { return std::abs(place - std::nearbyint(place)) < undecided; }

/// Adds pixels low..high of a ring, numbers beyond its ends counted around it.
void add_runs(const RingStart& of, std::int32_t ring, std::int32_t low, std::int32_t high, std::vector<RingRun>& runs) {
  if (high < 0) low += of.count, high += of.count;
  if (low >= of.count) low -= of.count, high -= of.count;
  if (low >= 0 && high < of.count) {
    runs.push_back({of.first + low, high - low + 1, ring});
    return;
  }
  const std::int32_t first = low < 0 ? low + of.count : low, last = low < 0 ? high : high - of.count;
  runs.push_back({of.first, last + 1, ring});  // across longitude 0: the second part has the smaller numbers
  runs.push_back({of.first + first, of.count - first, ring});
}

}  // namespace

std::int64_t pixel_count(const std::vector<RingRun>& runs) noexcept {
  std::int64_t sum = 0;
  for (const RingRun& run : runs) sum += run.count;
  return sum;
}

/// Tables of all rings, by ring number.
struct DiscFinder::Rings {
  explicit Rings(const Pixelisation& p) : pixels(p) {
    // Empty tables send find() to healpix_cxx.
    if (p.nside() > fast_nside) return;
    const auto size = static_cast<std::size_t>(p.rings() + 1 + n_lanes);  // the last rings are read as whole lanes
    z.resize(size), per_radian.resize(size), shift.resize(size), first.resize(size);
    for (std::int64_t i = 1; i <= p.rings(); ++i) {
      const RingInfo ring = p.ring(i);
      const auto at = static_cast<std::size_t>(i);
      z[at] = ring.z;
      per_radian[at] = static_cast<double>(ring.count) / (2.0 * std::numbers::pi);
      shift[at] = ring.phi_first > 0.0 ? 0.5 : 0.0;
      first[at] = {ring.first, static_cast<std::int32_t>(ring.count)};
    }
  }
  Pixelisation pixels;
  std::vector<double> z, per_radian, shift;
  std::vector<RingStart> first;
};

struct DiscFinder::Scratch {
  explicit Scratch(long nside) : base(nside, RING, SET_NSIDE) {}

  /// Cuts the ranges into runs that stay within a ring.
  void to_runs(const Pixelisation& pixels, std::vector<RingRun>& runs) const {
    runs.clear();
    for (std::size_t i = 0; i < ranges.nranges(); ++i) {
      const std::int64_t end = ranges.ivend(i);
      for (std::int64_t at = ranges.ivbegin(i); at < end;) {
        const std::int64_t ring = pixels.ring_with(at);
        const RingInfo info = pixels.ring(ring);
        const std::int64_t stop = std::min(end, info.first + info.count);
        runs.push_back({at, static_cast<std::int32_t>(stop - at), static_cast<std::int32_t>(ring)});
        at = stop;
      }
    }
  }

  Healpix_Base2 base;
  rangeset<int64> ranges;
};

DiscFinder::DiscFinder(const Pixelisation& pixels)
    : rings_(std::make_shared<Rings>(pixels)), scratch_(std::make_unique<Scratch>(pixels.nside())) {}
DiscFinder::~DiscFinder() = default;
// Tables are shared between the copies of threads; what a search writes to is each copy's own.
DiscFinder::DiscFinder(const DiscFinder& other) : rings_(other.rings_), scratch_(std::make_unique<Scratch>(rings_->pixels.nside())) {}

void DiscFinder::find(const Angles& centre, double radius, std::vector<RingRun>& runs) {
  if (find_fast(centre, radius, runs)) return;
  scratch_->base.query_disc(pointing(centre.theta, centre.phi), radius, scratch_->ranges);
  scratch_->to_runs(rings_->pixels, runs);
}

void DiscFinder::find_inclusive(const Angles& centre, double radius, std::vector<RingRun>& runs) {
  scratch_->base.query_disc_inclusive(pointing(centre.theta, centre.phi), radius, scratch_->ranges, inclusive_factor);
  scratch_->to_runs(rings_->pixels, runs);
}

/// False where only healpix_cxx can tell.
bool DiscFinder::find_fast(const Angles& centre, double radius, std::vector<RingRun>& runs) const {
  const double sin0 = std::sin(centre.theta), z0 = std::cos(centre.theta);
  // Near a pole or for wide discs the chord is wide and the short series is not exact enough; NaN ends here, too.
  if (rings_->z.empty() || !(radius < fast_slope * sin0)) return false;
  const double cos_r = std::cos(radius), sin_r = std::sin(radius);
  const double nside = static_cast<double>(rings_->pixels.nside());
  const double top = ring_at(z0 * cos_r + sin0 * sin_r, nside), bottom = ring_at(z0 * cos_r - sin0 * sin_r, nside);
  // Whether the first or last ring is touched at all.
  if (is_undecided(top) || is_undecided(bottom)) return false;
  const double turn = 2.0 * std::numbers::pi, phi = centre.phi - turn * std::floor(centre.phi / turn);
  const Chords disc{z0, 1.0 / sin0, cos_r, phi};
  const auto last = static_cast<std::int64_t>(bottom);
  std::array<double, block_rings> low, high;
  std::array<std::int64_t, block_rings> doubt;
  runs.clear();
  for (std::int64_t ring = static_cast<std::int64_t>(top) + 1; ring <= last; ring += block_rings) {
    const std::int64_t n = std::min(block_rings, last - ring + 1);
    chord_pixels(disc, &rings_->z[ring], &rings_->per_radian[ring], &rings_->shift[ring], n, low.data(), high.data(), doubt.data());
    for (std::int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      // Runs found so far are thrown away: find() clears them before it asks healpix_cxx.
      if (doubt[at] != 0) return false;
      if (low[at] <= high[at])
        add_runs(rings_->first[ring + i], static_cast<std::int32_t>(ring + i), static_cast<std::int32_t>(low[at]),
                 static_cast<std::int32_t>(high[at]), runs);
    }
  }
  return true;
}

}  // namespace skyfold
