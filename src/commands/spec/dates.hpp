#pragma once

#include <optional>
#include <string>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// A date of observation as a modified Julian date (JD - 2,400,000.5). NaN for a missing one; nothing for one that cannot be read, or
/// lies outside the years 1900 to 2100: it is in another format than `format` says.
///
/// @param format  mjd, jd, year (Julian years: 2000.0 is JD 2,451,545.0) or iso (ISO 8601: 2015-04-01, 2015-04-01T12:30:00.5)
[[nodiscard]] std::optional<double> mjd_of(const Column& column, std::size_t row, const std::string& format);
/// What is wrong with such a cell.
[[nodiscard]] std::string unreadable_date(const Column& column, std::size_t row, const std::string& format);

}  // namespace skyfold
