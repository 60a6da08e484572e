#pragma once

#include <span>

#include "skyfold/kernels/mock/footprint.hpp"
#include "skyfold/kernels/mock/population.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// Column numbers of MockSurvey::schema().
namespace mock_column {
inline constexpr std::size_t id = 0, ra = 1, dec = 2, tile = 3, mag = 4, mag_err = mag + mock_band_count,
                             z_spec = mag_err + mock_band_count, is_star = z_spec + 1, healpix = is_star + 1;
}

/// A synthetic photometric survey (docs/mock.md), generated cell by cell in the order of a catalogue: by HEALPix
/// key, so the rows of a cell are known before any is made. Every value is a function of the options and of the
/// cell alone: any rank may make any cell, in any order.
class MockSurvey {
 public:
  /// Plans the sky. Throws UsageError for options that `check` refuses.
  explicit MockSurvey(const MockOptions& options);
  MockSurvey(const MockSurvey&) = delete;
  MockSurvey& operator=(const MockSurvey&) = delete;

  [[nodiscard]] const MockOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::int64_t rows() const noexcept { return options_.objects; }
  /// Cells in order of pixel; their rows follow each other from 0 to rows().
  [[nodiscard]] std::span<const MockCell> cells() const noexcept { return footprint_.cells(); }
  /// id, ra, dec, tile, mag_{band} and mag_err_{band} for g, r, i, z, Y, z_spec, is_star, _healpix_29
  /// (the nested order-29 key that the rows are sorted by).
  [[nodiscard]] static Schema schema();

  /// Makes the objects of one cell, sorted by order-29 HEALPix key, then id, into a table that is resized to them.
  ///
  /// @param cell  index in cells()
  /// @param out   has the columns of schema(), by position
  void generate(std::size_t cell, Table& out) const;
  /// Makes any rows of the catalogue, into a table that is resized to them. A cell that is only partly among them
  /// costs as much as a whole one, so ranges are best many cells long.
  ///
  /// @param threads  OpenMP threads to use, >= 1; the result does not depend on it
  void generate(RowRange rows, Table& out, int threads) const;

 private:
  void generate_part(const MockCell& cell, RowRange part, Table& out, std::size_t row) const;

  MockOptions options_;
  Tiling tiling_;
  Population population_;
  MockFootprint footprint_;  // refers to tiling_
};

}  // namespace skyfold
