#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dnf_neighbours.hpp"

// The loops that touch every training row: single precision, several rows per instruction. They only narrow
// the choice; neighbours are ranked in double precision.
namespace skyfold::dnf {

inline constexpr std::size_t block_rows = 32;

/// A value and its place in the scanned arrays.
struct Slot {
  float value;
  std::uint32_t slot;
};

/// Lower bounds of a squared distance over blocks. Every operation is monotonic and the order is that of
/// `scan_blocks`, so no rounding can lift a bound above a scanned value.
///
/// @param low, high  [(bands + 1) x n]: bounds of unit vectors and length
/// @param query      [bands + 1]: unit vector, length
/// @param n          blocks, a multiple of 16
/// @param angles     false: angles may exceed 90 degrees, so nothing is known of the sine
void bound_blocks(Metric metric, const float* low, const float* high, std::size_t n, const float* query,
                  std::size_t bands, bool angles, float* bound);

/// Writes the blocks with bound <= limit, ascending; returns how many. `bound` is filled up to a multiple of 16.
std::size_t list_up_to(const float* bound, std::size_t n, float limit, std::uint32_t* list);

/// Squared distances of the rows of the blocks in `list`, with the sine from the chord of unit vectors and
/// d_E^2 = (|q| - |m|)^2 + |q| |m| c^2.
///
/// @param euclid2, key  [list x block_rows] squared Euclidean distance and squared distance in the metric
void scan_blocks(Metric metric, const float* blocks, std::span<const std::uint32_t> list, const float* query,
                 std::size_t bands, float* euclid2, float* key);

/// The loops below read n values, a multiple of block_rows.
/// How many values are <= limit.
std::size_t count_up_to(const float* values, std::size_t n, float limit);
float smallest(const float* values, std::size_t n);
/// Writes the slots with low < value <= high, ascending; returns how many. `out` holds n.
std::size_t collect_between(const float* values, std::size_t n, float low, float high, Slot* out);
/// Writes (key, slot) where key <= key_limit and euclid2 <= euclid_limit, ascending slots; returns how many.
std::size_t collect_both(const float* euclid2, const float* key, std::size_t n, float euclid_limit, float key_limit,
                         Slot* out);

/// Squared distances as the definition has them, in double precision and in this order of operations: sums run
/// over the bands in order; unit vectors are m_b / |m|, zero where |m| = 0; sin^2 a = c^2 (1 - c^2 / 4) with c
/// the chord between the unit vectors (1 - cos^2 a would lose all digits). With a single band every angle is
/// zero, so the Euclidean distance stands in for every metric.
///
/// @param query   magnitudes, [bands]
/// @param unit    their unit vector, [bands]
/// @param mag     [bands x stride]
/// @param euclid2, metric2  [stride]
void exact_distances(Metric metric, const double* query, const double* unit, const double* mag, std::size_t bands,
                     std::size_t stride, double* euclid2, double* metric2);

}  // namespace skyfold::dnf
