// Maps in the other numbering and at other resolutions. In NESTED order a coarse pixel's children are neighbours.
#include "skyfold/kernels/patch/resample.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "skyfold/core/parallel.hpp"

namespace skyfold {
namespace {

constexpr std::size_t chunk_pixels = 1 << 16;

}  // namespace

template <class T>
void renumber(const Pixelisation& pixels, std::span<const T> values, bool to_nested, std::span<T> out, int threads) {
  constexpr std::size_t chunk_rings = 8;
  std::vector<std::vector<std::int64_t>> scratch(static_cast<std::size_t>(threads));
  parallel_for(static_cast<std::size_t>(pixels.rings()), chunk_rings, threads, [&](std::size_t begin, std::size_t end, int thread) {
    std::vector<std::int64_t>& nested = scratch[static_cast<std::size_t>(thread)];
    for (std::size_t i = begin; i < end; ++i) {
      // Ring by ring: the numbers of a whole ring are found without a trigonometric function.
      const RingInfo ring = pixels.ring(static_cast<std::int64_t>(i) + 1);
      nested.resize(static_cast<std::size_t>(ring.count));
      pixels.nested_of_run(static_cast<std::int64_t>(i) + 1, ring.first, nested);
      const auto first = static_cast<std::size_t>(ring.first);
      for (std::size_t k = 0; k < nested.size(); ++k) {
        const auto there = static_cast<std::size_t>(nested[k]);
        if (to_nested)
          out[there] = values[first + k];
        else
          out[first + k] = values[there];
      }
    }
  });
}

template <class T>
void change_resolution(std::span<const T> values, std::span<T> out, int threads) {
  const bool is_finer = out.size() > values.size();
  const std::size_t factor = is_finer ? out.size() / values.size() : values.size() / out.size();
  parallel_for(out.size(), chunk_pixels, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t i = begin; i < end; ++i) {
      if (is_finer) {
        // Brightness is kept, not the sum over pixels: maps are of temperature or surface brightness.
        out[i] = values[i / factor];
        continue;
      }
      // Means of what is measured: a coarse pixel is missing only if all of it is.
      double sum = 0.0;
      std::size_t n = 0;
      for (const T value : values.subspan(i * factor, factor))
        if (!std::isnan(value)) sum += static_cast<double>(value), ++n;
      out[i] = n == 0 ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(sum / static_cast<double>(n));
    }
  });
}

template void renumber(const Pixelisation&, std::span<const float>, bool, std::span<float>, int);
template void renumber(const Pixelisation&, std::span<const double>, bool, std::span<double>, int);
template void change_resolution(std::span<const float>, std::span<float>, int);
template void change_resolution(std::span<const double>, std::span<double>, int);

}  // namespace skyfold
