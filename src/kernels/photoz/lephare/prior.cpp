// The distribution of redshifts by type and magnitude that galaxies of the VVDS have, as a prior: Ilbert et al. 2006, A&A 457, 841.
#include "prior.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../templates/chi_square.hpp"

namespace skyfold::lephare {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double bright = 20.0, less_bright = 22.0;              // i magnitudes
constexpr double most_bright_z = 1.0, most_less_bright_z = 2.0;  // beyond which nothing is so bright
constexpr double least_z_m = 1e-3;

struct TypeParameters {
  double z0, kz, alpha, gamma, f, kf;
};
constexpr std::array<TypeParameters, n_types> types = {{{.45181, .13677, 3.33078, .89744, .43199, .47165},
                                                        {.16560, .12983, 1.42815, .90868, .07995, .30663},
                                                        {.21072, .14008, 1.58310, .89747, .31162, .12715},
                                                        {.20418, .13773, 1.34500, .91760, .21220, -.34437}}};

/// 2 ((z / z_m)^a - a ln z) + constant.
SKYFOLD_CLONES
void fill_row(const double* log_z, std::size_t stride, double alpha, double log_zm, double constant, double* row) {
  for (std::size_t i = 0; i < stride; i += n_lanes) {
    const Lanes x = (load(log_z + i) - log_zm) * alpha;
    const ExponentParts parts = exponent_parts(x);
    const Lanes power = exponential_from_degree_7(parts.rest * (1.0 / 40320) + 1.0 / 5040, parts.rest) * parts.power;
    store(row + i, 2.0 * (power - load(log_z + i) * alpha) + constant);
  }
}

}  // namespace

std::size_t type_of(double nuv_k) noexcept { return nuv_k <= 1.9 ? 3 : nuv_k <= 3.19 ? 2 : nuv_k <= 4.25 ? 1 : 0; }

RedshiftPrior::RedshiftPrior(std::span<const double> z, std::size_t stride)
    : size_(z.size()), stride_(stride), z_(stride, 1.0), log_z_(stride, 0.0), values_(n_types * stride, infinity) {
  for (std::size_t i = 0; i < size_; ++i) {
    z_[i] = z[i];
    log_z_[i] = z[i] > 0.0 ? std::log(z[i]) : 0.0;
  }
}

void RedshiftPrior::set(double magnitude) {
  if (magnitude < bright) {
    // Flat up to where galaxies so bright are not seen: the fit is not made for them.
    for (std::size_t type = 0; type < n_types; ++type)
      for (std::size_t i = 0; i < stride_; ++i) values_[type * stride_ + i] = i < size_ && z_[i] <= most_bright_z ? 0.0 : infinity;
    return;
  }
  const double dm = magnitude - bright;
  double sum = 0.0;
  for (const TypeParameters& p : types) sum += p.f * std::exp(-p.kf * dm);
  for (std::size_t type = 0; type < n_types; ++type) {
    const TypeParameters& p = types[type];
    const double z_m = std::max(p.z0 + p.kz * dm, least_z_m), log_zm = std::log(z_m);
    const double log_norm = (p.alpha + 1.0) * log_zm - std::log(p.alpha) + std::log(p.gamma);
    const double log_fraction = std::log(p.f) - p.kf * dm - std::log(sum);
    double* row = &values_[type * stride_];
    fill_row(log_z_.data(), stride_, p.alpha, log_zm, 2.0 * (log_norm - log_fraction), row);
    for (std::size_t i = 0; i < stride_; ++i)
      if (i >= size_ || z_[i] <= 0.0 || (magnitude < less_bright && z_[i] > most_less_bright_z)) row[i] = infinity;
  }
}

}  // namespace skyfold::lephare
