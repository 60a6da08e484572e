#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "overlap_scan.hpp"
#include "rows.hpp"

namespace skyfold {

/// A row that is the detection of a source which a better row of another tile has, too.
struct Repeated {
  std::int64_t row = 0, kept = 0;  ///< over all inputs
  double separation_arcsec = 0.0;
};

/// How detections of one source are found.
struct OverlapSearch {
  std::int64_t rows = 0;
  double radius_arcsec = 0.5;
  bool has_middles = false;
  std::string folder, keys_path;  ///< of OverlapArrays; of the keys, which tell the rows that are dropped
  std::int64_t memory_bytes = 0;  ///< of each rank
  int threads = 1;
};

/// Rows that are to be left out, by row; collective. Two rows of different tiles are linked when each is the nearest one of the other's
/// tile to the other, within the radius. Of linked rows the best stays, and those that are linked to it go; then the best of what is left,
/// and so on: so no two rows that stay are linked, and each that goes is linked to a better one that stays.
[[nodiscard]] std::vector<Repeated> find_repeated(const Ranks& ranks, const OverlapSearch& search);

/// Lists them with their files and rows, as CSV.
void write_repeated(const std::string& path, const Inputs& inputs, std::span<const Repeated> repeated);

}  // namespace skyfold
