#pragma once

#include "object_join.hpp"
#include "rows.hpp"
#include "skyfold/catalogue/measurements.hpp"

namespace skyfold {

/// Throws UsageError for a catalogue that measurements cannot be joined to by this rule.
void check_objects(const Catalogue& objects, const JoinRule& rule);

/// Which columns of measurements are filter, time, id and position; remarks in `inputs` are those of measurements afterwards. Throws
/// UsageError for a column that is absent or cannot play its role, DataError for ids that are none.
[[nodiscard]] MeasurementRoles measurement_roles(Inputs& inputs, const ImportOptions& o, const JoinRule& rule, const Catalogue& objects);

}  // namespace skyfold
