#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "skyfold/core/random.hpp"
#include "skyfold/kernels/locus/kernel.hpp"

/// Small skies for tests of the locus search.
namespace skyfold::locus_objects {

inline BandOptions bands() {
  BandOptions bands;
  bands.bands = {"g", "r", "i"};
  return bands;
}
inline LocusColumns columns() { return {"ra", "dec", {{"g", "r", "i"}, {}}, ""}; }

struct Sky {
  std::vector<double> ra, dec, g, r, i;
  [[nodiscard]] std::size_t size() const { return ra.size(); }
  void add(Position p, double mag, double g_r, double r_i) {
    ra.push_back(wrapped_ra(p.ra));
    dec.push_back(p.dec);
    g.push_back(mag + g_r);
    r.push_back(mag);
    i.push_back(mag - r_i);
  }
};

/// `n` stars within about `radius_deg` of a position, near enough in magnitude and colour to be candidates often.
inline Sky random_sky(std::uint64_t seed, Position centre, std::size_t n, double radius_deg) {
  Sky sky;
  const FieldPlane plane(centre, LocusGeometry::tangent);
  for (std::size_t k = 0; k < n; ++k) {
    ObjectRandom random(seed, k);
    const Offset at{radius_deg * (2.0 * random.uniform() - 1.0), radius_deg * (2.0 * random.uniform() - 1.0)};
    sky.add(plane.position(at), 15.0 + 3.0 * random.uniform(), 0.5 + 0.1 * random.normal(), 0.2 + 0.06 * random.normal());
  }
  return sky;
}

inline Table table_of(const Sky& sky) {
  Table table({{"ra", Type::f8}, {"dec", Type::f8}, {"g", Type::f8}, {"r", Type::f8}, {"i", Type::f8}}, sky.size());
  const std::vector<double>* values[] = {&sky.ra, &sky.dec, &sky.g, &sky.r, &sky.i};
  for (std::size_t c = 0; c < 5; ++c) std::copy(values[c]->begin(), values[c]->end(), table[c].values<double>().begin());
  return table;
}

/// What the kernel finds: pointings of all targets among all stars.
struct Pointings {
  Table out;
  std::vector<LocusReference> references;
  [[nodiscard]] double number(const std::string& column, std::size_t row) const { return out.at(column).number(row); }
};
inline Pointings find_pointings(const LocusOptions& options, const Sky& targets, const Sky& stars, int threads = 1) {
  const LocusKernel kernel(options, bands(), columns(), columns());
  Stars near;
  kernel.add_stars(table_of(stars), 0, near);
  const StarField field = kernel.field_of(near, threads);
  Pointings result{Table(kernel.gives(), targets.size()), {}};
  kernel.run(table_of(targets), field, result.out, threads, &result.references);
  return result;
}

inline Sky one(Position position, double mag = 16.5, double g_r = 0.5, double r_i = 0.2) {
  Sky sky;
  sky.add(position, mag, g_r, r_i);
  return sky;
}

}  // namespace skyfold::locus_objects
