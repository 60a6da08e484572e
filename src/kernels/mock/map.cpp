// Synthetic HEALPix maps with Gaussian point sources of known flux, polarisation and noise, piece by piece: each pixel is a
// function of seed and pixel, so ranks make any piece of a map alone.
#include "skyfold/kernels/mock/map.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/sort.hpp"
#include "skyfold/kernels/patch/aperture.hpp"
#include "skyfold/kernels/patch/units.hpp"
#include "skyfold/sky/disc.hpp"

namespace skyfold {
namespace {

constexpr double degrees = 180.0 / std::numbers::pi, arcmin = 1.0 / degrees / 60.0, arcsec = arcmin / 60.0;
constexpr double source_reach = 3.0;  // FWHM; the Gaussian is 1e-11 of its peak there
constexpr double noise_reach = 1.5;   // FWHM, of the smoothing of correlated noise
enum Stream : std::uint32_t { place_stream = 100, property_stream, pixel_stream, node_stream, missing_stream };

/// Turns `v` by small angles east and north.
Vector3 moved(const TangentBasis& basis, double east, double north) {
  const double distance = std::hypot(east, north);
  // Without a direction to move in.
  if (distance == 0.0) return basis.centre;
  const double c = std::cos(distance), s = std::sin(distance) / distance;
  const auto along = [&](double centre, double to_east, double to_north) { return c * centre + s * (east * to_east + north * to_north); };
  return {along(basis.centre.x, basis.east.x, basis.north.x), along(basis.centre.y, basis.east.y, basis.north.y),
          along(basis.centre.z, basis.east.z, basis.north.z)};
}

/// The distinct coarse pixels that hold the sources: those with the smallest random numbers.
std::vector<std::int64_t> source_cells(long sources, const Pixelisation& coarse, std::uint64_t seed) {
  std::vector<std::int64_t> draw(static_cast<std::size_t>(coarse.count()));
  // One bit less, so that the numbers are positive when they are sorted as signed ones.
  for (std::size_t i = 0; i < draw.size(); ++i) draw[i] = static_cast<std::int64_t>(mix64(mix64(seed) + i) >> 1);
  std::vector<std::size_t> order = stable_order(draw);
  order.resize(static_cast<std::size_t>(sources));
  return {order.begin(), order.end()};
}

/// Largest power of two whose pixels are not fewer than the sources and not needlessly many.
long coarse_nside(long sources) {
  long nside = 1;
  while (12 * nside * nside < sources) nside *= 2;
  return nside;
}

}  // namespace

void describe(OptionSet& option, MapMockOptions& o) {
  option("map.nside", o.nside, "NSide of the map, a power of two").range(1, 2048);
  option("map.frame", o.frame, "frame of the map: G galactic, C equatorial, E ecliptic").one_of({"G", "C", "E"});
  option("map.sources", o.sources, "Gaussian point sources").range(0, 5e6);
  option("map.frequency", o.frequency_ghz, "frequency of the map, which turns fluxes into temperatures").unit("GHz").range(1.0, 2000.0);
  option("map.fwhm", o.fwhm_arcmin, "FWHM of the beam").unit("arcmin").range(0.1, 600.0);
  option("map.flux-min", o.flux_min_jy, "smallest flux; they are spread evenly in logarithm").unit("Jy").range(1e-6, 1e6);
  option("map.flux-max", o.flux_max_jy, "largest flux").unit("Jy").range(1e-6, 1e6);
  option("map.offset", o.offset_arcsec, "standard deviation of a source's place about its position, east and north")
      .unit("arcsec")
      .range(0.0, 3600.0);
  option("map.polarisation", o.polarisation, "polarised part of the fluxes; above 0, Q and U maps are made too").range(0.0, 1.0);
  option("map.background", o.background, "background").unit("K_CMB");
  option("map.noise", o.noise, "standard deviation of the noise of a pixel").unit("K_CMB").range(0.0, 1e6);
  option("map.noise-kind", o.noise_kind, "white, or correlated over the beam").one_of({"white", "correlated"});
  option("map.missing", o.missing, "part of the pixels without a value, at random").range(0.0, 1.0);
  option("map.mask-latitude", o.mask_latitude_deg, "above 0, a mask is made too: 0 nearer than this to the frame's equator")
      .unit("degrees")
      .range(0.0, 90.0);
}

void check(const MapMockOptions& o) {
  if (!std::has_single_bit(static_cast<unsigned long>(o.nside)) || o.nside > 2048)
    throw UsageError(fmt::format("map.nside = {} (must be a power of two, 2048 at most)", o.nside));
  if (o.flux_max_jy < o.flux_min_jy)
    throw UsageError(fmt::format("map.flux-max = {} (must not be smaller than map.flux-min = {})", o.flux_max_jy, o.flux_min_jy));
}

MapMock::MapMock(const MapMockOptions& o) : o_(o), pixels_(o.nside) {
  check(o);
  const Pixelisation coarse(coarse_nside(o.sources));
  const std::vector<std::int64_t> cells = source_cells(o.sources, coarse, static_cast<std::uint64_t>(o.seed));
  const double reach = source_reach * o.fwhm_arcmin * arcmin, room = 0.25 * std::sqrt(coarse.pixel_area_sr());
  const double beam_sr = beam_area_arcmin2({o.fwhm_arcmin, 0.0, 0.0, 0.0}) * sr_per_arcmin2;
  const double jy_per_kelvin = beam_sr * mjy_sr_per_kcmb(o.frequency_ghz) * 1e6;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    // Two streams: where sources are does not change with the options about their fluxes.
    ObjectRandom place(static_cast<std::uint64_t>(o.seed), i, place_stream), random(static_cast<std::uint64_t>(o.seed), i, property_stream);
    // The root makes places uniform over the circle, which is small enough to stay in its coarse pixel: so sources keep apart.
    const double radius = room * std::sqrt(place.uniform()), turn = 2.0 * std::numbers::pi * place.uniform();
    Source source;
    source.id = static_cast<std::int64_t>(i);
    source.position =
        angles_of(moved(tangent_basis(angles_of(coarse.ring_centre(cells[i]))), radius * std::cos(turn), radius * std::sin(turn)));
    source.flux_jy = o.flux_min_jy * std::pow(o.flux_max_jy / o.flux_min_jy, random.uniform());
    source.angle = std::numbers::pi * (random.uniform() - 0.5);
    source.east_arcsec = o.offset_arcsec * random.normal();
    source.north_arcsec = o.offset_arcsec * random.normal();
    source.centre = moved(tangent_basis(source.position), source.east_arcsec * arcsec, source.north_arcsec * arcsec);
    source.amplitude = source.flux_jy / jy_per_kelvin;
    source.reach_begin = angles_of(source.centre).theta - reach;
    sources_.push_back(source);
  }
  // By where their reach begins, so that a piece of the map finds its sources by halving.
  std::sort(sources_.begin(), sources_.end(),
            [](const Source& a, const Source& b) { return a.reach_begin != b.reach_begin ? a.reach_begin < b.reach_begin : a.id < b.id; });
}

/// A piece of the map in double precision.
struct MapMock::Canvas {
  Canvas(const Pixelisation& of, RowRange piece, bool polarised)
      : pixels(of), range(piece), finder(of), temperature(static_cast<std::size_t>(piece.size())) {
    if (polarised) q.resize(temperature.size()), u.resize(temperature.size());
  }

  /// Calls use(index in the piece, the Gaussian's value there, place of the pixel) for the pixels within reach.
  template <class Use>
  void paint(const Vector3& centre, double sigma, double reach, const Use& use) {
    finder.find(angles_of(centre), std::min(reach, std::numbers::pi), runs);
    for (const RingRun& run : runs) {
      const std::int64_t begin = std::max(run.first, range.begin), end = std::min(run.first + run.count, range.end);
      if (begin >= end) continue;
      const RingInfo ring = pixels.ring(run.ring);
      for (std::int64_t pixel = begin; pixel < end; ++pixel) {
        const double phi = ring.phi_first + static_cast<double>(pixel - ring.first) * ring.phi_step;
        const Vector3 p{ring.sin_theta * std::cos(phi), ring.sin_theta * std::sin(phi), ring.z};
        // By the chord: a dot product loses the small distances.
        const double dx = p.x - centre.x, dy = p.y - centre.y, dz = p.z - centre.z;
        const double distance = 2.0 * std::asin(std::min(1.0, 0.5 * std::sqrt(dx * dx + dy * dy + dz * dz)));
        use(static_cast<std::size_t>(pixel - range.begin), std::exp(-0.5 * distance * distance / (sigma * sigma)), p);
      }
    }
  }

  const Pixelisation& pixels;
  RowRange range;
  DiscFinder finder;
  std::vector<RingRun> runs;
  std::vector<double> temperature, q, u;
};

void MapMock::add_sources(RowRange pixels, Canvas& canvas) const {
  const double sigma = o_.fwhm_arcmin * arcmin / std::sqrt(8.0 * std::numbers::ln2), reach = source_reach * o_.fwhm_arcmin * arcmin;
  const double first = angles_of(pixels_.ring_centre(pixels.begin)).theta, last = angles_of(pixels_.ring_centre(pixels.end - 1)).theta;
  const auto from = std::lower_bound(sources_.begin(), sources_.end(), first - 2.0 * reach,
                                     [](const Source& source, double theta) { return source.reach_begin < theta; });
  // In one order for every pixel: the sum of overlapping sources has the same bits however the map is cut.
  for (auto at = from; at != sources_.end() && at->reach_begin <= last; ++at) {
    const Source& source = *at;
    const TangentBasis basis = tangent_basis(angles_of(source.centre));
    canvas.paint(source.centre, sigma, reach, [&](std::size_t i, double value, const Vector3& p) {
      canvas.temperature[i] += source.amplitude * value;
      if (canvas.q.empty()) return;
      // The direction of polarisation, carried along the great circle from the source to the pixel.
      const TangentBasis here = tangent_basis(angles_of(p));
      const Vector3& c = basis.centre;
      const double factor = dot(basis.east, p) / (1.0 + dot(p, c));
      const Vector3 east{basis.east.x - factor * (p.x + c.x), basis.east.y - factor * (p.y + c.y), basis.east.z - factor * (p.z + c.z)};
      const double angle = source.angle - std::atan2(dot(east, here.north), dot(east, here.east));
      const double polarised = o_.polarisation * source.amplitude * value;
      canvas.q[i] += polarised * std::cos(2.0 * angle);
      canvas.u[i] -= polarised * std::sin(2.0 * angle);  // COSMO
    });
  }
}

/// White noise on a grid of about half a beam, smoothed with the beam; its variance is that asked for because the squares of
/// the Gaussian's values add up to their integral over the area of a node.
void MapMock::add_correlated_noise(RowRange pixels, Canvas& canvas) const {
  long nside = 1;
  // A bound, since a beam of arcseconds would need more nodes than the map has pixels.
  while (nside < 2048 && std::sqrt(Pixelisation(nside).pixel_area_sr()) > 0.5 * o_.fwhm_arcmin * arcmin) nside *= 2;
  const Pixelisation nodes(nside);
  const double fwhm = o_.fwhm_arcmin * arcmin, sigma = fwhm / std::sqrt(8.0 * std::numbers::ln2), reach = noise_reach * fwhm;
  const double scale = o_.noise * std::sqrt(nodes.pixel_area_sr() / (std::numbers::pi * sigma * sigma));
  const double first = angles_of(pixels_.ring_centre(pixels.begin)).theta - reach,
               last = angles_of(pixels_.ring_centre(pixels.end - 1)).theta + reach;
  for (std::int64_t ring = 1; ring <= nodes.rings(); ++ring) {
    const RingInfo info = nodes.ring(ring);
    const double theta = std::atan2(info.sin_theta, info.z);
    if (theta < first || theta > last) continue;
    for (std::int64_t node = info.first; node < info.first + info.count; ++node) {
      const double value =
          scale * ObjectRandom(static_cast<std::uint64_t>(o_.seed), static_cast<std::uint64_t>(node), node_stream).normal();
      canvas.paint(nodes.ring_centre(node), sigma, reach,
                   [&](std::size_t at, double gaussian, const Vector3&) { canvas.temperature[at] += value * gaussian; });
    }
  }
}

void MapMock::fill(RowRange pixels, std::span<float> temperature, std::span<float> q, std::span<float> u) const {
  Canvas canvas(pixels_, pixels, is_polarised());
  add_sources(pixels, canvas);
  const bool is_white = o_.noise > 0.0 && o_.noise_kind == "white";
  if (o_.noise > 0.0 && !is_white) add_correlated_noise(pixels, canvas);
  for (std::size_t i = 0; i < temperature.size(); ++i) {
    // By the pixel's number in the map, not in the piece.
    const auto pixel = static_cast<std::uint64_t>(pixels.begin) + i;
    ObjectRandom random(static_cast<std::uint64_t>(o_.seed), pixel, pixel_stream);
    // T, then Q, then U from one stream: an unpolarised map has the same temperatures.
    temperature[i] = static_cast<float>(canvas.temperature[i] + o_.background + (is_white ? o_.noise * random.normal() : 0.0));
    if (!q.empty()) {
      q[i] = static_cast<float>(canvas.q[i] + (o_.noise > 0.0 ? o_.noise * random.normal() : 0.0));
      u[i] = static_cast<float>(canvas.u[i] + (o_.noise > 0.0 ? o_.noise * random.normal() : 0.0));
    }
    if (o_.missing > 0.0 && ObjectRandom(static_cast<std::uint64_t>(o_.seed), pixel, missing_stream).uniform() < o_.missing) {
      temperature[i] = std::numeric_limits<float>::quiet_NaN();
      if (!q.empty()) q[i] = u[i] = temperature[i];
    }
  }
}

void MapMock::fill_mask(RowRange pixels, std::span<float> mask) const {
  const double limit = std::sin(o_.mask_latitude_deg / degrees);
  for (std::size_t i = 0; i < mask.size(); ++i)
    mask[i] = std::abs(pixels_.ring_centre(pixels.begin + static_cast<std::int64_t>(i)).z) < limit ? 0.0F : 1.0F;
}

Table MapMock::truth() const {
  const char frame = letter_of(frame_named(o_.frame));
  const std::string lon = frame == 'G' ? "glon" : frame == 'C' ? "ra" : "elon", lat = frame == 'G' ? "glat" : frame == 'C' ? "dec" : "elat";
  Table table({{"id", Type::i8, 1, "", "meta.id;meta.main", "number of the source"},
               {lon, Type::f8, 1, "deg", "", "position, where a catalogue has it"},
               {lat, Type::f8, 1, "deg", "", "position, where a catalogue has it"},
               {"flux", Type::f8, 1, "Jy", "phot.flux.density", "true flux"},
               {"offset_east", Type::f8, 1, "arcsec", "", "place in the map minus position"},
               {"offset_north", Type::f8, 1, "arcsec", "", "place in the map minus position"},
               {"polarised_flux", Type::f8, 1, "Jy", "phot.flux.density;phys.polarization", "true polarised flux"},
               {"polarised_angle", Type::f8, 1, "deg", "pos.posAng;phys.polarization", "from north through east"}},
              sources_.size());
  for (const Source& source : sources_) {
    const auto row = static_cast<std::size_t>(source.id);
    table[0].values<std::int64_t>()[row] = source.id;
    const double phi = source.position.phi < 0.0 ? source.position.phi + 2.0 * std::numbers::pi : source.position.phi;
    const double values[] = {phi * degrees,       90.0 - source.position.theta * degrees, source.flux_jy,        source.east_arcsec,
                             source.north_arcsec, o_.polarisation * source.flux_jy,       source.angle * degrees};
    for (std::size_t c = 0; c < std::size(values); ++c) table[c + 1].values<double>()[row] = values[c];
  }
  return table;
}

}  // namespace skyfold
