#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "skyfold/core/parallel.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// An order-29 key in a cell: its pixel drawn by density, uniform within it.
///
/// @param cumulative   densities of the cell's pixels of `order`, cumulated
/// @param upto         the part of them that is drawn from, in units of `cumulative`: its last entry for the whole cell
/// @param first_pixel  of the cell, of `order`
[[nodiscard]] std::int64_t draw_key(std::span<const double> cumulative, double upto, std::int64_t first_pixel, int order,
                                    ObjectRandom& random);

/// Calls `make(cell, part, row)` for all cells that have some of the rows, cells at a time: `part` is counted from the cell's first row,
/// and stands at `row`... of those that are asked for.
template <class Cell, class Make>
void for_each_part(std::span<const Cell> cells, RowRange rows, int threads, const Make& make) {
  if (rows.size() == 0) return;
  const auto before = [](std::int64_t row, const Cell& cell) { return row < cell.rows.end; };
  const auto first = std::upper_bound(cells.begin(), cells.end(), rows.begin, before) - cells.begin();
  const auto last = std::upper_bound(cells.begin(), cells.end(), rows.end - 1, before) - cells.begin();
  parallel_for(static_cast<std::size_t>(last - first + 1), 1, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t i = begin; i < end; ++i) {
      const Cell& cell = cells[static_cast<std::size_t>(first) + i];
      const RowRange part = {std::max(rows.begin, cell.rows.begin), std::min(rows.end, cell.rows.end)};
      make(cell, RowRange{part.begin - cell.rows.begin, part.end - cell.rows.begin}, static_cast<std::size_t>(part.begin - rows.begin));
    }
  });
}

}  // namespace skyfold
