#pragma once

#include <cstdint>
#include <vector>

#include "skyfold/table/photometry.hpp"

namespace skyfold::cmnn {

/// Colours of neighbouring bands, m_b - m_(b+1), of objects, and their errors.
struct Colours {
  std::size_t n_objects = 0, n_colours = 0;
  std::vector<double> value, error;    ///< [n_objects x n_colours]; 0 where missing; an error that is not known is NaN
  std::vector<std::uint32_t> present;  ///< [n_objects] bit c set: colour c is there
};
[[nodiscard]] Colours colours_of(const Photometry& photometry);

}  // namespace skyfold::cmnn
