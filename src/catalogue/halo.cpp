// The rows of a catalogue that lie in a region of the sky: ranges of keys become ranges of rows through the index.
#include "skyfold/catalogue/halo.hpp"

#include <fmt/core.h>

#include "skyfold/core/error.hpp"

namespace skyfold {

HaloFinder::HaloFinder(const Catalogue& catalogue) : rows_(catalogue.rows()), row_of_key_(catalogue.ordered_rows().row_of_key) {
  if (!row_of_key_)
    throw UsageError(fmt::format("{}: ordered by {} (stars near a target can be found in a catalogue ordered by healpix only)",
                                 catalogue.path(), name_of(catalogue.layout().ordering)));
}

std::vector<RowRange> HaloFinder::rows_in(const Region& region, std::int64_t join_rows) const {
  std::vector<RowRange> ranges;
  for (const KeyRange& keys : region) {
    // Ranges of keys increase, so the search goes on where the last one ended.
    const std::int64_t from = ranges.empty() ? 0 : ranges.back().end;
    const std::int64_t begin = row_of_key_(keys.begin, {from, rows_});
    const std::int64_t end = row_of_key_(keys.end, {begin, rows_});
    if (begin == end) continue;
    // A few rows too many cost less than another reading.
    if (!ranges.empty() && begin - ranges.back().end < join_rows)
      ranges.back().end = end;
    else
      ranges.push_back({begin, end});
  }
  return ranges;
}

std::int64_t row_count(const std::vector<RowRange>& ranges) noexcept {
  std::int64_t rows = 0;
  for (const RowRange& range : ranges) rows += range.size();
  return rows;
}

}  // namespace skyfold
