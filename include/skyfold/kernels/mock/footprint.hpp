#pragma once

#include <array>
#include <string>
#include <vector>

#include "skyfold/kernels/mock/bands.hpp"
#include "skyfold/kernels/mock/options.hpp"
#include "skyfold/kernels/mock/tiling.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// How one tile was observed.
struct TileConditions {
  MockMagnitudes depth{};  ///< magnitude with S/N = 5
  std::array<bool, mock_band_count> observed{};
  double density = 1.0;  ///< objects per area, 1 for a median tile
};
/// @param tile  index in the Tiling
[[nodiscard]] TileConditions tile_conditions(const MockOptions& o, std::int64_t tile);

/// A piece of the sky that is generated at once: the rows of one nested HEALPix pixel of order `cell_order`.
struct MockCell {
  std::int64_t pixel = 0;
  RowRange rows;
  bool at_edge = false;  ///< reaches into tiles that the survey did not observe
  double filled = 1.0;   ///< part of its objects that the survey holds, in order of position: < 1 in the last cell only
};

inline constexpr int cell_order = 8;    ///< 0.052 deg^2, about 3,700 objects
inline constexpr int field_order = 12;  ///< finest pixel of the density field, 0.86 arcmin

/// Where the mock survey looked: whole tiles, nearest first, about RA 20, Dec -50, in an ellipse four times as wide as
/// high (the shape of DES Y1's main region), until they hold enough objects. So the density does not depend on the
/// size of the survey; only the last tile may be incomplete.
class MockFootprint {
 public:
  /// Plans a survey of exactly `o.objects` objects.
  MockFootprint(const MockOptions& o, const Tiling& tiling);

  /// Cells in order of pixel, rows from 0 without gaps.
  [[nodiscard]] const std::vector<MockCell>& cells() const noexcept { return cells_; }
  /// True when the tile that holds this position was observed.
  [[nodiscard]] bool holds(Position position) const;
  /// Relative densities of the pixels of `field_order` in one cell, cumulated: entry k is the part of the cell's
  /// objects in pixels 0..k. The last entry is 1. A pixel whose centre was not observed has none.
  [[nodiscard]] std::vector<double> cumulative_density(const MockCell& cell) const;

 private:
  struct Candidate;
  void choose_tiles();
  [[nodiscard]] std::vector<Candidate> candidate_cells() const;
  void place_objects(std::vector<Candidate> candidates);

  MockOptions options_;
  const Tiling& tiling_;
  std::vector<bool> observed_;  // [tile]
  double reach_ = 0.0;          // remoteness of the last observed tile
  std::vector<MockCell> cells_;
};

}  // namespace skyfold
