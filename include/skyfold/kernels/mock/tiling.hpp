#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/sky/healpix.hpp"

namespace skyfold {

/// A rectangle in (RA, Dec), degrees.
struct SkyTile {
  std::string name;  ///< DESHHMM+DDMM of the centre, truncated: 12 characters
  Position centre;
  double ra_width = 0.0, dec_height = 0.0;
};

/// Tiles of the whole sky as DES lays them out: rows of constant declination 0.7306 deg apart (a coadd image of
/// 10,000 pixels of 0.263 arcsec, without the overlap), and in each row as many equal tiles as fit with at least
/// 0.7306 / cos(Dec) between centres. Every position lies in one tile.
class Tiling {
 public:
  static constexpr double side_deg = 0.7306;

  Tiling();
  [[nodiscard]] std::int64_t size() const noexcept { return rows_.back().first + rows_.back().count; }
  /// Index in [0, size()) of the tile that holds a position with 0 <= ra < 360; tiles are numbered eastward in
  /// rows from South to North.
  [[nodiscard]] std::int64_t index_of(Position position) const noexcept;
  [[nodiscard]] Position centre(std::int64_t index) const;
  [[nodiscard]] SkyTile tile(std::int64_t index) const;

 private:
  struct Row {
    std::int64_t first, count;
  };
  [[nodiscard]] std::size_t row_of(std::int64_t index) const;

  std::vector<Row> rows_;
};

}  // namespace skyfold
