#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/kernels/mock/options.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

inline constexpr std::size_t star_band_count = 5;  ///< u, g, r, i, z
/// One value per band of the star catalogue.
using StarMagnitudes = std::array<double, star_band_count>;

/// Stars per square degree to r = 22.5: 5500 at the galactic poles, as 1 / sin |b| down to |b| = 11.5 degrees, constant
/// below.
[[nodiscard]] double star_density(Position position) noexcept;

/// Colours m - r of a main-sequence star of colour r - i, in u, g, r, i, z: the stellar locus.
[[nodiscard]] StarMagnitudes stellar_locus(double r_minus_i) noexcept;

/// A synthetic star catalogue like SDSS's point sources (docs/mock.md), generated cell by cell in the order of a
/// catalogue: by HEALPix key, so the rows of a cell are known before any is made. Every value is a function of the
/// options and of the cell alone: any rank may make any cell, in any order. Uses objects, seed, colour_scatter and
/// clustering.
class MockStars {
 public:
  /// A piece of the sky that is made at once.
  struct Cell {
    std::int64_t pixel = 0;  ///< nested, of order `order`
    RowRange rows;
  };
  static constexpr int order = 6;  ///< of the cells, 0.84 deg^2

  /// Plans the sky: cells about RA 165, Dec +20 (b = 62), nearest first, until they hold all objects; only the farthest
  /// may hold less than its density asks for. Throws UsageError for more objects than the sky has.
  explicit MockStars(const MockOptions& options);

  [[nodiscard]] std::int64_t rows() const noexcept { return options_.objects; }
  /// Cells in order of pixel; their rows follow each other from 0 to rows().
  [[nodiscard]] std::span<const Cell> cells() const noexcept { return cells_; }
  /// id, ra, dec, psfmag_{band} and psfmagerr_{band} for u, g, r, i, z, _healpix_29 (the key that the rows are sorted
  /// by).
  [[nodiscard]] static Schema schema();

  /// Makes any rows of the catalogue, into a table that is resized to them. A cell that is only partly among them
  /// costs as much as a whole one, so ranges are best many cells long.
  ///
  /// @param threads  OpenMP threads to use, >= 1; the result does not depend on it
  void generate(RowRange rows, Table& out, int threads) const;

 private:
  void generate_part(const Cell& cell, RowRange part, Table& out, std::size_t row) const;
  [[nodiscard]] std::vector<std::int64_t> draw_keys(const Cell& cell) const;

  MockOptions options_;
  std::vector<Cell> cells_;
};

}  // namespace skyfold
