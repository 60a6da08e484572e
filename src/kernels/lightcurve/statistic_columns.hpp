#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "skyfold/kernels/lightcurve/objects.hpp"

namespace skyfold::lightcurve {

/// The column of a statistic.
/// @param prefix  of its name
/// @param about   what it is a statistic of, for the description
[[nodiscard]] ColumnInfo statistic_column(Statistic statistic, const std::string& prefix, const std::string& about);
/// Sets a row of that column.
void put_statistic(Column& column, std::size_t row, const CurveStatistics& statistics, Statistic statistic);

/// What these statistics want of a curve.
[[nodiscard]] CurveWants wants_of(std::span<const Statistic> statistics) noexcept;

/// Columns of positions and motions: pos_ra, pos_dec, pos_scatter, pos_epoch, pm_ra, pm_dec and their errors.
[[nodiscard]] Schema motion_schema();

/// Sets a row of a column of real numbers (f4, f8), or of counts (i4).
void put(Column& column, std::size_t row, double value);
void put_count(Column& column, std::size_t row, std::int64_t value);

}  // namespace skyfold::lightcurve
