#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/kernels/lightcurve/objects.hpp"

namespace skyfold::lightcurve {

/// Rows of statistics by visit, and what each is of.
struct VisitRows {
  Table rows;                            ///< with the columns of visit_schema
  std::vector<std::size_t> object;       ///< number in the block
  std::vector<std::size_t> measurement;  ///< one that counts, the first in time: its row in the block's measurements
};

/// Columns of a row for each object, filter and visit: filter, the statistics, n_visits, visit_offset; with `motion` pos_ra, pos_dec,
/// pos_scatter, pos_epoch.
[[nodiscard]] Schema visit_schema(const ObjectOptions& o);

/// The measurements of an object in one visit and filter, joined: a row for each in which some count, in the order of object, filter, and
/// the visit's first time. The same whatever the threads and the blocks.
/// @param visits  of each measurement of the block: equal for those of one visit
[[nodiscard]] VisitRows describe_visits(const ObjectBlock& block, std::span<const std::int64_t> visits, const CurveReader& reader,
                                        const ObjectOptions& o, int threads);

/// Numbers that are equal where the values of a column are; missing values are equal, too.
[[nodiscard]] std::vector<std::int64_t> visit_numbers(const Column& column);

}  // namespace skyfold::lightcurve
