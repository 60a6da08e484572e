#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace skyfold::bpz {

/// A maximum of p(z) between two minima; places of the grid.
struct Hill {
  std::size_t peak = 0, low = 0, high = 0;
  double probability = 0.0;  ///< sum from the lower minimum to before the upper one, as BPZ counts; with the last point for the last hill
};

/// The hills of p(z), highest first, of equal ones the nearest. A maximum is higher than both neighbours; a minimum is lower than both,
/// or the 0 beside something. So a flat top is none.
///
/// @param hills  a reused buffer
void find_hills(std::span<const double> p, std::vector<Hill>& hills);

}  // namespace skyfold::bpz
