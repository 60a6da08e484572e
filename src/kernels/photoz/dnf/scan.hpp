#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "skyfold/table/table.hpp"

// The loops that touch every training row: single precision, several rows per instruction. They only narrow
// the choice; neighbours are ranked in double precision.
namespace skyfold::dnf {

/// Distance between two objects' magnitudes q and m (De Vicente et al. 2016, MNRAS 459, 3078, section 2):
/// enf |q - m|; anf |sin a|, a the angle between q and m; dnf the product of both.
enum class Metric : std::uint8_t { enf, anf, dnf };

inline constexpr std::size_t block_rows = 32;   ///< rows of a block
inline constexpr std::size_t group_boxes = 16;  ///< boxes that are looked at together

/// A value and its place in the scanned arrays.
struct Slot {
  float value;
  std::uint32_t slot;
};

/// Boxes around sets of rows, in groups of `group_boxes`.
struct Boxes {
  std::size_t n = 0;
  AlignedVector<float> low, high;  ///< [groups x (bands + 1) x group_boxes]: bounds of unit vectors and length
};

/// Lists the boxes in some groups that may hold rows within a limit, ascending; returns how many.
///
/// The lower bound of a box's squared distances is computed with operations that are monotonic under rounding,
/// in the order of `scan_blocks`, so it never exceeds a scanned value.
///
/// @param query   [bands + 1]: unit vector, length
/// @param angles  false: angles may exceed 90 degrees, so nothing is known of the sine
/// @param list    holds group_boxes values per group
std::size_t list_boxes(Metric metric, const Boxes& boxes, std::span<const std::uint32_t> groups, const float* query, std::size_t bands,
                       bool angles, float limit, std::uint32_t* list);

/// Squared distances of the rows of the blocks in `list`, with the sine from the chord of unit vectors and
/// d_E^2 = (|q| - |m|)^2 + |q| |m| c^2.
///
/// @param euclid2, key  [list x block_rows] squared Euclidean distance and squared distance in the metric
void scan_blocks(Metric metric, const float* blocks, std::span<const std::uint32_t> list, const float* query, std::size_t bands,
                 float* euclid2, float* key);

/// The loops below read n values, a multiple of block_rows.
/// How many values are <= limit.
std::size_t count_up_to(const float* values, std::size_t n, float limit);
float smallest(const float* values, std::size_t n);
/// Writes the slots with low < value <= high, ascending; returns how many. `out` holds n.
std::size_t collect_between(const float* values, std::size_t n, float low, float high, Slot* out);
/// Writes (key, slot) where key <= key_limit and euclid2 <= euclid_limit, ascending slots; returns how many.
std::size_t collect_both(const float* euclid2, const float* key, std::size_t n, float euclid_limit, float key_limit, Slot* out);

/// Squared distances as the definition has them, in double precision and in this order of operations: sums run
/// over the bands in order; unit vectors are m_b / |m|, zero where |m| = 0; sin^2 a = c^2 (1 - c^2 / 4) with c
/// the chord between the unit vectors (1 - cos^2 a would lose all digits). With a single band every angle is
/// zero, so the Euclidean distance stands in for every metric.
///
/// @param query   magnitudes, [bands]
/// @param unit    their unit vector, [bands]
/// @param mag     [bands x stride]
/// @param euclid2, metric2  [stride]
void exact_distances(Metric metric, const double* query, const double* unit, const double* mag, std::size_t bands, std::size_t stride,
                     double* euclid2, double* metric2);

}  // namespace skyfold::dnf
