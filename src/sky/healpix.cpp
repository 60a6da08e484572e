// HEALPix in the NESTED scheme (Gorski et al. 2005, ApJ 622, 759): the key of order 29 by which catalogues are ordered. All pixels
// of coarser orders are ranges of it.
#include "skyfold/sky/healpix.hpp"

#include <fmt/core.h>
#include <healpix_cxx/healpix_base.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr double radians = std::numbers::pi / 180.0;

const Healpix_Base2& base(int order) {
  // Made once: setting one up for each position would cost more than the position.
  static const auto all = [] {
    std::array<Healpix_Base2, max_healpix_order + 1> made;
    for (int o = 0; o <= max_healpix_order; ++o) made[static_cast<std::size_t>(o)].Set(o, NEST);
    return made;
  }();
  return all[static_cast<std::size_t>(order)];
}

}  // namespace

bool is_valid(Position p) noexcept {
  return p.ra >= -360.0 && p.ra <= 360.0 && p.dec >= -90.0 && p.dec <= 90.0;  // false for NaN
}

std::int64_t healpix29(Position p) {
  const double theta = std::clamp((90.0 - p.dec) * radians, 0.0, std::numbers::pi);  // rounding may pass pi
  return base(max_healpix_order).ang2pix(pointing(theta, p.ra * radians));
}

void healpix29(std::span<const double> ra, std::span<const double> dec, std::span<std::int64_t> key) {
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = healpix29({ra[i], dec[i]});
}

int order_of_nside(long nside) {
  if (nside < 1 || nside > (1L << max_healpix_order) || !std::has_single_bit(static_cast<unsigned long>(nside)))
    throw UsageError(fmt::format("NSide = {} (must be a power of two)", nside));
  return std::countr_zero(static_cast<unsigned long>(nside));
}

Position pixel_centre(std::int64_t pixel, int order) {
  const pointing centre = base(order).pix2ang(pixel);
  return {centre.phi / radians, 90.0 - centre.theta / radians};
}

double pixel_area_deg2(int order) noexcept { return 4.0 * std::numbers::pi / radians / radians / static_cast<double>(pixel_count(order)); }

}  // namespace skyfold
