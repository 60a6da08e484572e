#pragma once

#include "photoz_objects.hpp"

// Objects of which all that can be known is known.
namespace skyfold::photoz_test {

/// The redshift follows the first colour alone, with a scatter of 0.02 for bright objects and 0.1 for faint ones.
inline Objects make_colours(std::size_t n, std::uint64_t seed) {
  Objects objects = make_objects(n, 3, seed);
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(seed, i, 9);
    objects.z[i] = 0.8 + 0.5 * (objects.mag[i][0] - objects.mag[i][1]) + (objects.mag[i][1] < 22.5 ? 0.02 : 0.1) * random.normal();
  }
  return objects;
}

}  // namespace skyfold::photoz_test
