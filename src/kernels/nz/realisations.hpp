#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "chunk.hpp"

namespace skyfold::nz {

/// PDFs of a chunk, some of a bin at a time side by side, times their weights: what realisations of a bootstrap are a matrix product with.
class Tiles {
 public:
  struct Tile {
    std::size_t begin, end;       ///< of Chunk::objects
    std::size_t bin, low, width;  ///< slots from `low`; width is a multiple of 4
    std::size_t offset;           ///< of [objects x width] values
  };
  void make(const Chunk& chunk);
  [[nodiscard]] const std::vector<Tile>& tiles() const noexcept { return tiles_; }
  [[nodiscard]] const float* values(const Tile& tile) const noexcept { return &values_[tile.offset]; }

 private:
  std::vector<Tile> tiles_;
  std::vector<float> values_;
};

/// Sums of all realisations of the bootstrap, those of `lanes` of them side by side.
class Realisations {
 public:
  static constexpr std::size_t lanes = 16;

  explicit Realisations(const SumsLayout& layout);

  /// Groups of `lanes` realisations; threads share these, so that each sum has one order.
  [[nodiscard]] std::size_t groups() const noexcept { return groups_; }
  void add(const Chunk& chunk, const Tiles& tiles, std::size_t group);
  /// Adds all to the sums in their order.
  void put(Sums& sums) const;

 private:
  /// Sums of a bin, [slot][lanes].
  [[nodiscard]] double* at(std::size_t group, std::size_t estimator, std::size_t bin) {
    return &sums_[((group * layout_.estimators.size() + estimator) * layout_.bins.size() + bin) * rows_ * lanes];
  }

  const SumsLayout& layout_;
  std::size_t groups_, rows_;
  std::vector<double> sums_;
};

}  // namespace skyfold::nz
