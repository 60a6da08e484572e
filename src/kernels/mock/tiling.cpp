// Tiles of equal height in rows of declination, as many in each row as fit, named as the Dark Energy Survey names its own.
#include "skyfold/kernels/mock/tiling.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace skyfold {
namespace {

constexpr int rows_per_hemisphere = 123;  // and one on the equator: 247 rows cover both poles

double row_dec(std::size_t row) noexcept { return (static_cast<double>(row) - rows_per_hemisphere) * Tiling::side_deg; }

std::string tile_name(Position centre) {
  // Truncated as in the survey's own names; the small number keeps a whole minute from rounding to the one before.
  const int ra_minutes = static_cast<int>(centre.ra * 4.0 + 1e-9);
  const int dec_minutes = static_cast<int>(std::abs(centre.dec) * 60.0 + 1e-9);
  return fmt::format("DES{:02}{:02}{}{:02}{:02}", ra_minutes / 60, ra_minutes % 60, centre.dec < 0.0 ? '-' : '+', dec_minutes / 60,
                     dec_minutes % 60);
}

}  // namespace

Tiling::Tiling() {
  std::int64_t first = 0;
  for (std::size_t row = 0; row <= 2 * rows_per_hemisphere; ++row) {
    const double circle = 360.0 * std::cos(row_dec(row) * std::numbers::pi / 180.0);
    const auto count = std::max(std::int64_t{1}, static_cast<std::int64_t>(circle / side_deg));
    rows_.push_back({first, count});
    first += count;
  }
}

std::int64_t Tiling::index_of(Position p) const noexcept {
  const double row_from_south = p.dec / side_deg + rows_per_hemisphere + 0.5;
  const auto row = std::clamp(static_cast<std::int64_t>(row_from_south), std::int64_t{0}, std::ssize(rows_) - 1);
  const auto [first, count] = rows_[static_cast<std::size_t>(row)];
  // RA just below 360 may round up.
  return first + std::min(static_cast<std::int64_t>(p.ra / 360.0 * static_cast<double>(count)), count - 1);
}

std::size_t Tiling::row_of(std::int64_t index) const {
  const auto after = std::upper_bound(rows_.begin(), rows_.end(), index, [](std::int64_t i, const Row& row) { return i < row.first; });
  return static_cast<std::size_t>(after - rows_.begin() - 1);
}

Position Tiling::centre(std::int64_t index) const {
  const std::size_t row = row_of(index);
  const auto [first, count] = rows_[row];
  return {(static_cast<double>(index - first) + 0.5) * 360.0 / static_cast<double>(count), row_dec(row)};
}

SkyTile Tiling::tile(std::int64_t index) const {
  const Position middle = centre(index);
  return {tile_name(middle), middle, 360.0 / static_cast<double>(rows_[row_of(index)].count), side_deg};
}

}  // namespace skyfold
