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
  /// `catalogue` must outlive this. Throws UsageError for one without positions.
  explicit SkySearch(const Catalogue& catalogue);
  ~SkySearch();
  SkySearch(const SkySearch&) = delete;
  SkySearch& operator=(const SkySearch&) = delete;

  /// Rows of an area: increasing, disjoint and not touching.
  [[nodiscard]] std::vector<RowRange> rows(const SkyArea& area);

  /// A row near a position.
  struct Near {
    std::int64_t row = 0;
    double separation_arcsec = 0.0;
  };
  /// All rows within a radius of a position, increasing; replaces the content of `found`. Only for catalogues in the order of the sky.
  void near(Position position, double radius_deg, std::vector<Near>& found);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The union of any ranges of rows: increasing, disjoint and not touching.
[[nodiscard]] std::vector<RowRange> united_rows(std::vector<RowRange> ranges);
/// Rows that are in both lists, each of which is increasing and disjoint.
[[nodiscard]] std::vector<RowRange> common_rows(const std::vector<RowRange>& a, const std::vector<RowRange>& b);

}  // namespace skyfold
