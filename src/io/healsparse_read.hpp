#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source_fits_columns.hpp"
#include "source_fits_table.hpp"

namespace skyfold {

/// A map in the layout of healsparse, as its two HDUs describe it: where the fine pixels of each covered coarse pixel are stored.
struct HealsparseContent {
  FitsTable table;                       ///< the HDU with the fine pixels, plain: an image or a table
  long nside = 0;                        ///< of the fine pixels
  std::int64_t fine = 0;                 ///< fine pixels of a coarse one
  std::int64_t row_bytes = 0, rows = 0;  ///< as if it were a table
  std::int64_t per_row = 0;              ///< pixels
  std::vector<FitsColumn> columns = {};
  bool is_bit_packed = false;                ///< a bit per pixel, the lowest one of a byte first
  std::optional<std::size_t> primary = {};   ///< column that tells which pixels have values; none: each tells for itself
  std::optional<double> sentinel = {};       ///< value of pixels without data
  std::vector<std::int64_t> block_of = {};   ///< by coarse pixel: place of its fine pixels, in blocks behind the first; -1 for none
  std::vector<std::int64_t> coarse_of = {};  ///< by that place: the coarse pixel; -1 where a block belongs to none
};

/// The map of a healsparse file (file specification of healsparse 1.1); nothing for another file. Throws DataError for one that is damaged.
[[nodiscard]] std::optional<HealsparseContent> read_healsparse(const std::shared_ptr<const InputFile>& file);

}  // namespace skyfold
