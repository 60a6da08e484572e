// What all mock catalogues do with the cells that they are made of.
#include "cells.hpp"

#include "skyfold/kernels/mock/deviates.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {

std::int64_t draw_key(std::span<const double> cumulative, double upto, std::int64_t first_pixel, int order, ObjectRandom& random) {
  const std::int64_t in_pixel = (std::int64_t{1} << (2 * (max_healpix_order - order))) - 1;
  const auto pixel = std::upper_bound(cumulative.begin(), cumulative.end() - 1, upto * open_uniform(random)) - cumulative.begin();
  const std::int64_t high = random.next(), low = random.next();
  return first_key(first_pixel + pixel, order) | (((high << 32) | low) & in_pixel);
}

}  // namespace skyfold
