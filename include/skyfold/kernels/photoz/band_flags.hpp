#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "skyfold/kernels/photoz/flags.hpp"
#include "skyfold/table/features.hpp"
#include "skyfold/table/photometry.hpp"

namespace skyfold {

/// What the photometry of an object tells by itself: photoz_missing_band where a band was not observed, photoz_no_magnitude_error where
/// one was observed whose error, a feature of the layer, is no number.
[[nodiscard]] inline std::int32_t band_flags(const FeatureLayer& layer, const Photometry& photometry, std::size_t object) {
  const std::uint32_t observed = photometry.observed[object];
  std::int32_t flags = std::popcount(observed) < static_cast<int>(photometry.n_bands) ? photoz_missing_band : 0;
  for (std::size_t f = 0; f < layer.size(); ++f) {
    if (!layer.is_error(f) || (observed & layer.bands_of(f)) == 0) continue;
    const auto band = static_cast<std::size_t>(std::countr_zero(layer.bands_of(f)));
    if (!std::isfinite(photometry.mag_err[object * photometry.n_bands + band])) flags |= photoz_no_magnitude_error;
  }
  return flags;
}

}  // namespace skyfold
