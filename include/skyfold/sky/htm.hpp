#pragma once

#include <cstdint>
#include <span>

#include "skyfold/sky/healpix.hpp"

namespace skyfold {

/// Deepest level of the Hierarchical Triangular Mesh that is numbered here: trixels of 0.3 arcsec.
inline constexpr int max_htm_level = 20;

/// Trixel of the Hierarchical Triangular Mesh (Kunszt, Szalay & Thakar 2001) that holds a position: 8 to 15 at level 0, and 4 id + child
/// for each level below. On exact edges the rule of the JHU library decides, which production archives follow: the first trixel, in the
/// order of the numbers, of whose edges the position lies no more than 1e-15 outside.
///
/// @param position  valid (is_valid)
/// @param level     0..max_htm_level
[[nodiscard]] std::int64_t htm_id(Position position, int level);
/// The same for many positions; degrees, shapes [n].
void htm_ids(std::span<const double> ra, std::span<const double> dec, int level, std::span<std::int64_t> ids);

}  // namespace skyfold
