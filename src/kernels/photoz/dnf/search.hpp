#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neighbours.hpp"
#include "scan.hpp"

namespace skyfold::dnf {

/// What a search found; arrays are valid until the next search.
struct Neighbours {
  std::size_t n = 0;                   ///< at most `neighbours`
  std::span<const std::uint32_t> row;  ///< [n] training rows, in an order that depends on the training set alone
  std::span<const double> distance2;   ///< [n] squared distance in the metric
  const double* mag = nullptr;         ///< [bands x stride] magnitudes of the neighbours, bands slowest
  std::size_t stride = 0;
  std::size_t nearest = 0;       ///< which of the n is the nearest
  double nearest_euclid2 = 0.0;  ///< squared Euclidean distance of the nearest training row of all
};

/// Finds neighbours of one query after the other; holds buffers and the last answer, which is a first guess for
/// the next search and never changes an answer. One per thread.
///
/// Definition: the `preselect` rows nearest in Euclidean distance, then the `neighbours` nearest of those in the
/// metric; ties go to the earlier training row.
class NeighbourSearch {
 public:
  /// @param preselect  0: off
  NeighbourSearch(Metric metric, std::size_t neighbours, std::size_t preselect)
      : metric_option_(metric), n_neighbours_(neighbours), preselect_(preselect) {}

  /// @param magnitudes  of the index's bands, finite
  /// @param excluded    training rows of the index that do not count; each is at Euclidean distance 0
  Neighbours find(const NeighbourIndex& index, const double* magnitudes, std::span<const std::uint32_t> excluded);

 private:
  void set_query(const NeighbourIndex& index, const double* magnitudes);
  void scan(std::span<const std::uint32_t> excluded);
  void scan_up_to(Metric bound, float limit, std::span<const std::uint32_t> excluded);
  float limit_near_home(bool is_euclidean, std::size_t wanted, std::span<const std::uint32_t> excluded);
  std::size_t scan_nearest(Metric bound, std::size_t wanted, std::span<const std::uint32_t> excluded);
  void hide(std::span<const std::uint32_t> excluded);
  float kth_smallest(const float* values, std::size_t wanted, float high, std::size_t n_high);
  float preselect_limit(std::size_t n_scanned);
  void hide_ties(float low, float high);
  void collect_nearest(float euclid_limit, std::size_t wanted);
  void load(std::span<const Slot> slots);
  std::size_t keep_nearest(std::size_t wanted);
  double nearest_euclid2(bool scanned_all_near, std::size_t n, std::span<const std::uint32_t> excluded);

  [[nodiscard]] std::size_t n_values() const noexcept { return list_.size() * block_rows; }
  [[nodiscard]] std::uint32_t row_at(std::uint32_t slot) const noexcept;
  [[nodiscard]] double exact_euclid2(std::uint32_t row) const noexcept;
  [[nodiscard]] float euclid2_error(float euclid2) const noexcept;
  [[nodiscard]] float key_error(float key, float euclid_limit) const noexcept;

  Metric metric_option_;
  std::size_t n_neighbours_, preselect_;

  const NeighbourIndex* index_ = nullptr;
  Metric metric_ = Metric::enf;  // with a single band there are no angles
  const double* mag_ = nullptr;  // the query
  std::vector<double> unit_;
  std::vector<float> query_;  // unit vector, then length
  bool angles_known_ = true;  // no angle exceeds 90 degrees
  float scan_guess_ = 0.0f, key_guess_ = 0.0f;

  std::vector<std::uint32_t> all_, groups_;  // all groups of coarse boxes; groups of blocks that may be near
  std::vector<std::uint32_t> list_;          // blocks scanned, ascending
  AlignedVector<float> euclid2_, key_;       // of the rows scanned; a slot is a place here
  std::vector<Slot> slots_;
  std::vector<float> work_;

  std::size_t n_found_ = 0, stride_ = 0;  // candidates and then neighbours, structure of arrays
  std::vector<std::uint32_t> row_, rank_;
  AlignedVector<double> found_mag_, found_euclid2_, found_key_;
};

}  // namespace skyfold::dnf
