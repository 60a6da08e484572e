#pragma once

#include <string>

#include "selection.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// The spectroscopic objects, with the columns that `spec` makes: id, ra, dec, z, z_err, quality, survey, class, group_size, group_id.
///
/// @param is_told  a line of the log says how a plain table was understood
/// Another table has some of them, by their usual names or those of the options; what it lacks is "unknown": z_err NaN, quality 0, class
/// empty, and each row is an object of its own. Of a product of skyfold the rows without redshift are left out. Throws UsageError for a
/// table without positions or redshifts, DataError for a product without objects, and for a row without position or redshift.
[[nodiscard]] Table read_spectroscopic_sample(const MatchOptions& o, bool is_told);

}  // namespace skyfold
