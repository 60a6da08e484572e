// The inner loops of the DNF search, for each metric and common number of bands: bounds of boxes, distances of blocks, counts and
// selections without branches, so that compilers make vector instructions of them.
#include "scan.hpp"

#include <cmath>
#include <limits>

#include "../../common/simd.hpp"

namespace skyfold::dnf {
namespace {

/// Calls body with the number of bands as a constant where it is a common one, so that loops over bands unroll.
template <class Body>
SKYFOLD_INLINE void with_bands(std::size_t bands, const Body& body) {
  switch (bands) {
    case 2:
      return body.template operator()<2>();
    case 3:
      return body.template operator()<3>();
    case 4:
      return body.template operator()<4>();
    case 5:
      return body.template operator()<5>();
    case 6:
      return body.template operator()<6>();
    case 7:
      return body.template operator()<7>();
    case 8:
      return body.template operator()<8>();
    case 9:
      return body.template operator()<9>();
    case 10:
      return body.template operator()<10>();
    case 11:
      return body.template operator()<11>();
    case 12:
      return body.template operator()<12>();
    default:
      return body.template operator()<0>();
  }
}

// sin^2 of the angle between unit vectors at distance c: c^2 (1 - c^2 / 4). No arc cosine, no loss at small angles.
SKYFOLD_INLINE float sine2(float chord2) { return chord2 * (1.0f - 0.25f * chord2); }

template <Metric metric>
SKYFOLD_INLINE float distance2(float euclid2, float chord2) {
  if constexpr (metric == Metric::enf)
    return euclid2;
  else if constexpr (metric == Metric::anf)
    return sine2(chord2);
  else
    return euclid2 * sine2(chord2);
}

/// Distance of a value from an interval. With x + |x| = 2 max(x, 0), exactly: unlike a choice it becomes vector
/// instructions everywhere.
SKYFOLD_INLINE float gap(float value, float low, float high) {
  const float below = low - value, above = value - high;
  return 0.5f * ((below + std::fabs(below)) + (above + std::fabs(above)));
}

/// Lower bounds of the boxes of one group.
template <int fixed_bands, Metric metric>
SKYFOLD_INLINE void bound_group(const float* __restrict low, const float* __restrict high, const float* __restrict query,
                                std::size_t any_bands, float* __restrict bound) {
  const std::size_t bands = fixed_bands ? fixed_bands : any_bands;
  const float length = query[bands];
  for (std::size_t i = 0; i < group_boxes; ++i) {
    float chord2 = 0.0f;
    for (std::size_t b = 0; b < bands; ++b) {
      const float d = gap(query[b], low[b * group_boxes + i], high[b * group_boxes + i]);
      chord2 += d * d;
    }
    const float shortest = low[bands * group_boxes + i], d = gap(length, shortest, high[bands * group_boxes + i]);
    // d_E^2 = (|q| - |m|)^2 + |q| |m| c^2, each term by its lower bound.
    const float euclid2 = d * d + length * shortest * chord2;
    bound[i] = distance2<metric>(euclid2, chord2);
    // sin^2 = c^2 (1 - c^2 / 4) rises up to 90 degrees, but rounded only within units of the last digit.
    if constexpr (metric != Metric::enf) bound[i] *= 1.0f - 1e-6f;
  }
}

template <int fixed_bands, Metric metric>
SKYFOLD_INLINE std::size_t list_loop(const Boxes& boxes, std::span<const std::uint32_t> groups, const float* query, std::size_t any_bands,
                                     float limit, std::uint32_t* list) {
  // Behind the bands comes the length of the magnitude vector.
  const std::size_t step = (any_bands + 1) * group_boxes;
  std::size_t found = 0;
  for (const std::uint32_t group : groups) {
    float bound[group_boxes];
    bound_group<fixed_bands, metric>(boxes.low.data() + group * step, boxes.high.data() + group * step, query, any_bands, bound);
    int hits = 0;
    // Most groups are far off: one look at all their boxes passes them over.
    for (std::size_t i = 0; i < group_boxes; ++i) hits += bound[i] <= limit;
    if (hits == 0) continue;
    for (std::size_t i = 0, box = group * group_boxes; i < group_boxes; ++i, ++box) {
      // Written always, counted only if it is one: no branch to mispredict.
      list[found] = static_cast<std::uint32_t>(box);
      found += static_cast<std::size_t>(bound[i] <= limit) & static_cast<std::size_t>(box < boxes.n);
    }
  }
  return found;
}

template <int fixed_bands, Metric metric>
SKYFOLD_INLINE void scan_loop(const float* __restrict blocks, const std::uint32_t* __restrict list, std::size_t n,
                              const float* __restrict query, std::size_t any_bands, float* __restrict euclid2, float* __restrict key) {
  const std::size_t bands = fixed_bands ? fixed_bands : any_bands;
  const float length = query[bands];
  for (std::size_t i = 0; i < n; ++i, euclid2 += block_rows, key += block_rows) {
    const float* __restrict block = blocks + list[i] * (bands + 1) * block_rows;
    for (std::size_t j = 0; j < block_rows; ++j) {
      float chord2 = 0.0f;
      for (std::size_t b = 0; b < bands; ++b) {
        const float d = query[b] - block[b * block_rows + j];
        chord2 += d * d;
      }
      const float other = block[bands * block_rows + j], d = length - other;
      const float e2 = d * d + length * other * chord2;
      euclid2[j] = e2;
      key[j] = distance2<metric>(e2, chord2);
    }
  }
}

template <Metric metric>
SKYFOLD_INLINE std::size_t list_all(const Boxes& boxes, std::span<const std::uint32_t> groups, const float* query, std::size_t bands,
                                    float limit, std::uint32_t* list) {
  std::size_t found = 0;
  with_bands(
      bands, [&]<int fixed>()
                 __attribute__((always_inline)) { found = list_loop<fixed, metric>(boxes, groups, query, bands, limit, list); });
  return found;
}

template <Metric metric>
SKYFOLD_INLINE void scan_all(const float* blocks, std::span<const std::uint32_t> list, const float* query, std::size_t bands,
                             float* euclid2, float* key) {
  with_bands(
      bands, [&]<int fixed>() __attribute__((always_inline)) {
        scan_loop<fixed, metric>(blocks, list.data(), list.size(), query, bands, euclid2, key);
      });
}

template <class Test>
SKYFOLD_INLINE std::size_t collect_if(const float* values, std::size_t n, Slot* out, const Test& test) {
  std::size_t found = 0;
  for (std::size_t block = 0; block < n; block += block_rows) {
    int hits = 0;
    for (std::size_t i = block; i < block + block_rows; ++i) hits += test(i);
    if (hits == 0) continue;
    for (std::size_t i = block; i < block + block_rows; ++i) {
      out[found] = {values[i], static_cast<std::uint32_t>(i)};
      found += test(i);
    }
  }
  return found;
}

}  // namespace

SKYFOLD_CLONES
std::size_t list_boxes(Metric metric, const Boxes& boxes, std::span<const std::uint32_t> groups, const float* query, std::size_t bands,
                       bool angles, float limit, std::uint32_t* list) {
  if (metric == Metric::enf) return list_all<Metric::enf>(boxes, groups, query, bands, limit, list);
  // Beyond 90 degrees sin^2 falls again: bounds say nothing, and all boxes are scanned.
  if (!angles) limit = std::numeric_limits<float>::infinity();
  return metric == Metric::anf ? list_all<Metric::anf>(boxes, groups, query, bands, limit, list)
                               : list_all<Metric::dnf>(boxes, groups, query, bands, limit, list);
}

SKYFOLD_CLONES
void scan_blocks(Metric metric, const float* blocks, std::span<const std::uint32_t> list, const float* query, std::size_t bands,
                 float* euclid2, float* key) {
  if (metric == Metric::enf)
    scan_all<Metric::enf>(blocks, list, query, bands, euclid2, key);
  else if (metric == Metric::anf)
    scan_all<Metric::anf>(blocks, list, query, bands, euclid2, key);
  else
    scan_all<Metric::dnf>(blocks, list, query, bands, euclid2, key);
}

SKYFOLD_CLONES
std::size_t count_up_to(const float* values, std::size_t n, float limit) {
  std::int32_t count = 0;
  n = n / block_rows * block_rows;  // tells the compiler that there is no rest
  for (std::size_t i = 0; i < n; ++i) count += values[i] <= limit;
  return static_cast<std::size_t>(count);
}

SKYFOLD_CLONES
float smallest(const float* values, std::size_t n) {
  float lane[block_rows];
  for (std::size_t j = 0; j < block_rows; ++j) lane[j] = std::numeric_limits<float>::infinity();
  // A minimum of each lane, then of the lanes: a single running minimum would wait for itself.
  for (std::size_t i = 0; i < n; i += block_rows)
    for (std::size_t j = 0; j < block_rows; ++j) lane[j] = values[i + j] < lane[j] ? values[i + j] : lane[j];
  float result = lane[0];
  for (const float value : lane) result = value < result ? value : result;
  return result;
}

SKYFOLD_CLONES
std::size_t collect_between(const float* values, std::size_t n, float low, float high, Slot* out) {
  return collect_if(
      values, n, out, [=](std::size_t i) __attribute__((always_inline)) {
        return static_cast<int>(values[i] > low) & static_cast<int>(values[i] <= high);
      });
}

SKYFOLD_CLONES
std::size_t collect_both(const float* euclid2, const float* key, std::size_t n, float euclid_limit, float key_limit, Slot* out) {
  return collect_if(
      key, n, out, [=](std::size_t i) __attribute__((always_inline)) {
        return static_cast<int>(euclid2[i] <= euclid_limit) & static_cast<int>(key[i] <= key_limit);
      });
}

SKYFOLD_CLONES
void exact_distances(Metric metric, const double* query, const double* unit, const double* mag, std::size_t bands, std::size_t stride,
                     double* __restrict euclid2, double* __restrict metric2) {
  for (std::size_t i = 0; i < stride; ++i) {
    double e2 = 0.0, length2 = 0.0;
    for (std::size_t b = 0; b < bands; ++b) {
      const double m = mag[b * stride + i], d = query[b] - m;
      e2 += d * d;
      length2 += m * m;
    }
    // In double precision, of the few that are left: the float search only chooses them, generously.
    const double length = std::sqrt(length2);
    double chord2 = 0.0;
    for (std::size_t b = 0; b < bands; ++b) {
      const double d = unit[b] - (length > 0.0 ? mag[b * stride + i] / length : 0.0);
      chord2 += d * d;
    }
    // Rounding may leave a little less than nothing.
    const double raw = chord2 * (1.0 - 0.25 * chord2);
    const double sine2 = raw > 0.0 ? raw : 0.0;
    euclid2[i] = e2;
    metric2[i] = metric == Metric::enf || bands == 1 ? e2 : metric == Metric::anf ? sine2 : e2 * sine2;
  }
}

}  // namespace skyfold::dnf
