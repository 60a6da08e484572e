#pragma once

#include <cstdint>
#include <span>

#include "skyfold/sky/pixels.hpp"

namespace skyfold {

/// Puts the values of a map into the other numbering; T is float or double. `out` has as many elements as `values`.
///
/// @param to_nested  from RING to NESTED; else the other way round
template <class T>
void renumber(const Pixelisation& pixels, std::span<const T> values, bool to_nested, std::span<T> out, int threads);

/// Values of a map at another NSide; both in the NESTED numbering, NaN where missing.
///
/// A coarser pixel gets the mean of its pixels that are not missing, a finer one the value of the pixel that holds it, as
/// healpy.ud_grade does. Shapes [12 nside^2].
template <class T>
void change_resolution(std::span<const T> values, std::span<T> out, int threads);

}  // namespace skyfold
