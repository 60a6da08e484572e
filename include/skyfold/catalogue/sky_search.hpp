#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/sky/area.hpp"

namespace skyfold {

/// Finds the rows of a catalogue that lie in an area of the sky: exactly those. In the order of the sky pixels become ranges of rows by
/// their keys, and of keys and positions only the zones about the borders of the shapes are read; in any other order all keys and positions
/// are. Main thread only.
class SkySearch {
 public:
  /// Both must outlive this. Throws UsageError for a catalogue without positions.
  SkySearch(const Catalogue& catalogue, const SkyArea& area);
  ~SkySearch();
  SkySearch(const SkySearch&) = delete;
  SkySearch& operator=(const SkySearch&) = delete;

  /// Rows of the area: increasing, disjoint and not touching.
  [[nodiscard]] std::vector<RowRange> rows();
  /// Rows of one shape, likewise. Only for catalogues in the order of the sky.
  void rows_of(std::int32_t shape, std::vector<RowRange>& rows);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The union of any ranges of rows: increasing, disjoint and not touching.
[[nodiscard]] std::vector<RowRange> united_rows(std::vector<RowRange> ranges);
/// Rows that are in both lists, each of which is increasing and disjoint.
[[nodiscard]] std::vector<RowRange> common_rows(const std::vector<RowRange>& a, const std::vector<RowRange>& b);

}  // namespace skyfold
