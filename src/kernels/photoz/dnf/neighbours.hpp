#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "scan.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::dnf {

/// The training rows, shared by the indices of all band masks.
struct TrainingRows {
  std::size_t n_rows = 0, n_bands = 0;
  AlignedVector<double> mag;            ///< [n_rows x n_bands], row-major
  std::vector<std::uint32_t> observed;  ///< [n_rows] bit b set: band b counts
  std::vector<double> z;                ///< [n_rows]
  std::vector<std::int64_t> id;         ///< [n_rows]
};

/// The training rows that have all bands of one mask, in blocks that are compact in direction and length of
/// the magnitude vector: the search looks at bounds of blocks first.
class NeighbourIndex {
 public:
  NeighbourIndex(const TrainingRows& rows, std::uint32_t mask);

  [[nodiscard]] std::size_t rows() const noexcept { return row_.size(); }
  [[nodiscard]] std::size_t bands() const noexcept { return bands_.size(); }
  /// The mask's bands, as positions in the training magnitudes.
  [[nodiscard]] std::span<const std::uint32_t> band_list() const noexcept { return bands_; }
  /// Training rows, block after block.
  [[nodiscard]] std::span<const std::uint32_t> row_list() const noexcept { return row_; }
  /// Block in which a query falls: sorting queries by it makes successive searches look at the same memory.
  [[nodiscard]] std::uint32_t block_of(const double* magnitudes) const noexcept;
  /// Memory held, bytes.
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  friend class NeighbourSearch;
  void split(std::vector<std::uint32_t>& order, std::size_t begin, std::size_t end, const std::vector<float>& features);
  void fill_blocks(const std::vector<std::uint32_t>& order, const std::vector<float>& features);

  const TrainingRows& training_;
  std::vector<std::uint32_t> bands_;
  std::vector<std::uint32_t> row_;  ///< training row at each position
  std::size_t n_blocks_ = 0;
  AlignedVector<float> blocks_;              ///< [n_blocks x (bands + 1) x block_rows]: unit vector, then length
  Boxes fine_, coarse_;                      ///< around blocks, and around groups of blocks
  std::vector<std::uint8_t> split_feature_;  ///< [n_blocks] of the cut before a block
  std::vector<float> split_value_;
  bool all_positive_ = true;  ///< no magnitude is negative: no angle exceeds 90 degrees
  float max_length_ = 0.0f;   ///< largest |m|
};

}  // namespace skyfold::dnf
