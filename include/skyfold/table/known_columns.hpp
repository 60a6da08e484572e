#pragma once

#include <string>
#include <vector>

namespace skyfold {

/// Usual names of the columns of objects with known redshifts and of their estimates, in lower case, most specific first:
/// for known_column.
namespace known_columns {
inline const std::vector<std::string> redshift = {"z_spec", "zspec", "redshift", "specz", "z_true", "true_redshift", "z", "zs"};
inline const std::vector<std::string> id = {"id", "coadd_object_id", "coadd_objects_id", "object_id", "objid", "source_id"};
}  // namespace known_columns

}  // namespace skyfold
