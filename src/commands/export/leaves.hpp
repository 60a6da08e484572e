#pragma once

#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/io/hats_pixel.hpp"

namespace skyfold {

/// A file of an export, and the rows that it holds.
struct Leaf {
  std::string place;  ///< relative to the folder; "" when the file is the whole export
  RowRange rows;
  HatsPixel pixel = {};  ///< of HATS
};

/// Leaves of a HATS catalogue: the largest pixels of at most `most` rows, in the order of the sky. Pixels of order 29 may have more.
[[nodiscard]] std::vector<Leaf> hats_leaves(const OrderedRows& rows, std::int64_t most);
/// Files of equal numbers of rows, at most `most`: "part-00000.parquet", ... with that ending.
[[nodiscard]] std::vector<Leaf> part_leaves(std::int64_t rows, std::int64_t most, const std::string& ending);

}  // namespace skyfold
