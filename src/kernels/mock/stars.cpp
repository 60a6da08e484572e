// A synthetic star catalogue with the bands and names of SDSS, for locus: counts by galactic latitude, colours on the stellar locus
// (Juric et al. 2008, ApJ 673, 864).
#include "skyfold/kernels/mock/stars.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "cells.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/kernels/mock/bands.hpp"
#include "skyfold/kernels/mock/deviates.hpp"

namespace skyfold {
namespace {

constexpr double degree = std::numbers::pi / 180.0;
constexpr Position catalogue_centre = {165.0, 20.0};
constexpr std::int64_t ids_per_cell = 1'000'000;  // id = pixel and number in the cell, readable in decimal
constexpr int field_order = 10;                   // finest pixel of the density, 3.4 arcmin
constexpr int coarsest_field_order = 3;

/// Columns of MockStars::schema().
enum : std::size_t { col_id, col_ra, col_dec, col_mag, col_err = col_mag + star_band_count, col_healpix = col_err + star_band_count };

struct StarBand {
  const char* name;
  double depth;  ///< magnitude with S/N = 5, close to SDSS's for point sources
  const char* ucd;
};
constexpr std::array<StarBand, star_band_count> star_bands = {
    {{"u", 22.3, "em.opt.U"}, {"g", 23.3, "em.opt.B"}, {"r", 23.1, "em.opt.R"}, {"i", 22.3, "em.opt.I"}, {"z", 20.8, "em.opt.I"}}};

/// Factor of the log-normal density field that a pixel adds to the field of the order above; its mean is 1. The
/// variance in pixels of size theta is 0.005 (theta / deg)^-0.7, times the amplitude.
double field_factor(const MockOptions& o, std::int64_t pixel, int order) {
  const auto variance = [](int of) { return of < coarsest_field_order ? 0.0 : 0.005 * std::pow(std::sqrt(pixel_area_deg2(of)), -0.7); };
  const double sigma2 = o.clustering * (variance(order) - variance(order - 1));
  auto random = mock_random(o.seed, (std::int64_t{4} << (2 * order)) + pixel, MockStream::clustering);
  return std::exp(std::sqrt(sigma2) * normal_deviate(random) - 0.5 * sigma2);
}

/// Objects of a cell, on average.
double expected_objects(const MockOptions& o, std::int64_t pixel) {
  double objects = star_density(pixel_centre(pixel, MockStars::order)) * pixel_area_deg2(MockStars::order);
  for (int order = coarsest_field_order; order <= MockStars::order; ++order)
    objects *= field_factor(o, pixel >> (2 * (MockStars::order - order)), order);
  return objects;
}

/// Parts of a cell's objects in its pixels of the field order, cumulated; the last entry is 1.
std::vector<double> cumulative_density(const MockOptions& o, std::int64_t cell) {
  std::vector<double> density = {1.0};
  for (int order = MockStars::order + 1; order <= field_order; ++order) {
    std::vector<double> finer(4 * density.size());
    const std::int64_t first = cell << (2 * (order - MockStars::order));
    // In nested order the four children of pixel p are 4 p to 4 p + 3.
    for (std::size_t i = 0; i < finer.size(); ++i) finer[i] = density[i / 4] * field_factor(o, first + static_cast<std::int64_t>(i), order);
    density.swap(finer);
  }
  const std::int64_t first = cell << (2 * (field_order - MockStars::order));
  double total = 0.0;
  for (std::size_t i = 0; i < density.size(); ++i) {
    total += density[i] * star_density(pixel_centre(first + static_cast<std::int64_t>(i), field_order));
    density[i] = total;
  }
  for (double& d : density) d /= total;
  return density;
}

/// True magnitudes of the next star.
StarMagnitudes draw_star(ObjectRandom& random, double colour_scatter) noexcept {
  constexpr double bright = 13.5, faint = 22.5, slope = 0.17;  // counts 10^(slope r)
  const double cut = std::pow(10.0, slope * (bright - faint));
  const double r = faint + std::log10(cut + (1.0 - cut) * open_uniform(random)) / slope;
  const double m_dwarfs = std::clamp(0.10 + 0.08 * (r - 15.0), 0.05, 0.65);  // a larger part of the fainter stars
  const bool is_m_dwarf = open_uniform(random) < m_dwarfs;
  const double deviate = normal_deviate(random);
  StarMagnitudes mag = stellar_locus(std::clamp(is_m_dwarf ? 1.05 + 0.38 * deviate : 0.15 + 0.09 * deviate, -0.05, 2.3));
  for (double& m : mag) m += r + colour_scatter * normal_deviate(random);
  return mag;
}

}  // namespace

double star_density(Position p) noexcept {
  constexpr Position pole = {192.85948, 27.12825};  // galactic, ICRS
  const double sin_b = std::sin(p.dec * degree) * std::sin(pole.dec * degree) +
                       std::cos(p.dec * degree) * std::cos(pole.dec * degree) * std::cos((p.ra - pole.ra) * degree);
  // A plane-parallel disc, cut where it would go to infinity.
  return 5500.0 / std::max(std::abs(sin_b), 0.2);
}

StarMagnitudes stellar_locus(double x) noexcept {
  // g - r as a function of x = r - i (Juric et al. 2008, ApJ 673, 864); straight lines near the observed locus for the
  // rest.
  const double g_minus_r = 1.39 * (1.0 - std::exp(((-4.9 * x - 2.45) * x - 1.68) * x - 0.050));
  const double u_minus_g = 1.1 + 1.6 * (g_minus_r - 0.4), i_minus_z = 0.55 * x;
  return {u_minus_g + g_minus_r, g_minus_r, 0.0, -x, -x - i_minus_z};
}

MockStars::MockStars(const MockOptions& options) : options_(options) {
  std::vector<std::pair<double, std::int64_t>> outward;
  for (std::int64_t pixel = 0; pixel < pixel_count(order); ++pixel) {
    const Position p = pixel_centre(pixel, order), c = catalogue_centre;
    const double cosine = std::sin(p.dec * degree) * std::sin(c.dec * degree) +
                          std::cos(p.dec * degree) * std::cos(c.dec * degree) * std::cos((p.ra - c.ra) * degree);
    outward.emplace_back(-cosine, pixel);
  }
  // By -cos of the distance: the nearest cells first.
  std::ranges::sort(outward);
  double expected = 0.0;
  std::int64_t placed = 0;
  for (const auto& [remoteness, pixel] : outward) {
    if (placed == options.objects) break;
    expected += expected_objects(options, pixel);
    const std::int64_t upto = std::min<std::int64_t>(std::llround(expected), options.objects);
    if (upto > placed) cells_.push_back({pixel, {0, upto - placed}});
    placed = upto;
  }
  if (placed < options.objects) throw UsageError(fmt::format("objects = {} (the mock sky has {} stars)", options.objects, placed));
  std::ranges::sort(cells_, {}, &Cell::pixel);
  std::int64_t row = 0;
  for (Cell& cell : cells_) {
    cell.rows = {row, row + cell.rows.end};
    row = cell.rows.end;
  }
}

Schema MockStars::schema() {
  Schema schema = {
      {"id", Type::i8, 1, "", "meta.id;meta.main", "a million times the order-6 pixel, plus the number there"},
      {"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "right ascension (ICRS)"},
      {"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "declination (ICRS)"},
  };
  for (const StarBand& band : star_bands)
    schema.push_back({std::string("psfmag_") + band.name, Type::f4, 1, "mag", std::string("phot.mag;") + band.ucd,
                      std::string("observed AB magnitude in ") + band.name + "; 99: S/N < 1"});
  for (const StarBand& band : star_bands)
    schema.push_back({std::string("psfmagerr_") + band.name, Type::f4, 1, "mag", std::string("stat.error;phot.mag;") + band.ucd,
                      std::string("error of psfmag_") + band.name + "; 99: S/N < 1"});
  schema.push_back({"_healpix_29", Type::i8, 1, "", "pos.healpix", "HEALPix pixel, nested, order 29"});
  return schema;
}

/// Order-29 keys of a cell's objects, sorted: positions follow the density, uniform within its pixels.
std::vector<std::int64_t> MockStars::draw_keys(const Cell& cell) const {
  const auto cumulative = cumulative_density(options_, cell.pixel);
  const std::int64_t first_pixel = cell.pixel << (2 * (field_order - order));
  auto random = mock_random(options_.seed, cell.pixel, MockStream::position);
  std::vector<std::int64_t> keys(static_cast<std::size_t>(cell.rows.size()));
  for (auto& key : keys) key = draw_key(cumulative, 1.0, first_pixel, field_order, random);
  std::ranges::sort(keys);
  return keys;
}

/// Makes objects `part` of a cell, counted from its first, at rows `row`... of `out`.
void MockStars::generate_part(const Cell& cell, RowRange part, Table& out, std::size_t row) const {
  // All keys of the cell, whatever part is asked for: each object's place depends on those before it.
  const auto keys = draw_keys(cell);
  for (std::int64_t number = part.begin; number < part.end; ++number, ++row) {
    const std::int64_t key = keys[static_cast<std::size_t>(number)], id = cell.pixel * ids_per_cell + number;
    const Position position = pixel_centre(key, max_healpix_order);
    auto random = mock_random(options_.seed, id, MockStream::object);
    const StarMagnitudes mag = draw_star(random, options_.colour_scatter);
    for (std::size_t b = 0; b < star_band_count; ++b) {
      const ObservedMagnitude m = measure(mag[b], star_bands[b].depth, normal_deviate(random));
      out[col_mag + b].values<float>()[row] = static_cast<float>(m.mag);
      out[col_err + b].values<float>()[row] = static_cast<float>(m.mag_err);
    }
    out[col_id].values<std::int64_t>()[row] = id;
    out[col_ra].values<double>()[row] = position.ra;
    out[col_dec].values<double>()[row] = position.dec;
    out[col_healpix].values<std::int64_t>()[row] = key;
  }
}

void MockStars::generate(RowRange rows, Table& out, int threads) const {
  out.resize(static_cast<std::size_t>(rows.size()));
  for_each_part(cells(), rows, threads, [&](const Cell& cell, RowRange part, std::size_t row) { generate_part(cell, part, out, row); });
}

}  // namespace skyfold
