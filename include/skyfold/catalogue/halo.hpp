#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/sky/region.hpp"

namespace skyfold {

/// Finds the rows of regions of the sky in a catalogue that is ordered by HEALPix: side data of jobs, such as the stars
/// about some targets. Main thread only; keeps a window of keys, so regions near the last one are found without
/// reading.
class HaloFinder {
 public:
  /// `catalogue` must outlive this. Throws UsageError when it is not ordered by HEALPix.
  explicit HaloFinder(const Catalogue& catalogue);
  /// For rows in the order of their keys that are no catalogue yet.
  /// @param row_of_key  first row whose key is >= key, searched within `within`
  HaloFinder(std::int64_t rows, std::function<std::int64_t(std::int64_t key, RowRange within)> row_of_key)
      : rows_(rows), row_of_key_(std::move(row_of_key)) {}

  /// Rows whose keys lie in the region: increasing and disjoint. Ranges fewer than `join_rows` rows apart are joined,
  /// since to read a few rows in vain is cheaper than to read twice.
  [[nodiscard]] std::vector<RowRange> rows_in(const Region& region, std::int64_t join_rows = 512) const;

 private:
  std::int64_t rows_;
  std::function<std::int64_t(std::int64_t key, RowRange within)> row_of_key_;
};

/// Rows of all ranges together.
[[nodiscard]] std::int64_t row_count(const std::vector<RowRange>& ranges) noexcept;

}  // namespace skyfold
