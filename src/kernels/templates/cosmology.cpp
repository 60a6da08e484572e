// Distances in a universe of matter, a cosmological constant and curvature: Hogg 1999, astro-ph/9905116.
#include "skyfold/kernels/templates/cosmology.hpp"

#include <algorithm>
#include <cmath>

namespace skyfold {
namespace {

constexpr double light_km_s = 299792.458;

/// int dz / E(z) by Simpson's rule in steps below 0.01.
double comoving(const Cosmology& c, double z) {
  const double curvature = 1.0 - c.matter - c.lambda;
  const auto integrand = [&](double at) {
    const double y = 1.0 + at;
    return 1.0 / std::sqrt(c.matter * y * y * y + curvature * y * y + c.lambda);
  };
  const int steps = 2 * std::max(static_cast<int>(std::ceil(z * 100.0)), 4);
  const double step = z / steps;
  double sum = integrand(0.0) + integrand(z);
  for (int i = 1; i < steps; ++i) sum += (i % 2 == 1 ? 4.0 : 2.0) * integrand(i * step);
  return sum * step / 3.0;
}

}  // namespace

double distance_modulus(const Cosmology& cosmology, double z) {
  const double curvature = 1.0 - cosmology.matter - cosmology.lambda, line_of_sight = comoving(cosmology, z);
  const double root = std::sqrt(std::abs(curvature));
  double transverse = line_of_sight;
  if (root > 1e-6) transverse = (curvature > 0.0 ? std::sinh(root * line_of_sight) : std::sin(root * line_of_sight)) / root;
  return 5.0 * std::log10((1.0 + z) * transverse * light_km_s / cosmology.hubble * 1e5);
}

}  // namespace skyfold
