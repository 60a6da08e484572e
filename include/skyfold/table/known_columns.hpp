#pragma once

#include <string>
#include <vector>

namespace skyfold {

/// Usual names of columns, in lower case, most specific first: for known_column.
namespace known_columns {
inline const std::vector<std::string> ra = {"ra",     "alphawin_j2000", "alpha_j2000", "raj2000",   "ra_icrs", "_raj2000",
                                            "ra_deg", "ra_mean",        "radeg",       "source_ra", "coord_ra"};
inline const std::vector<std::string> dec = {"dec",      "deltawin_j2000", "delta_j2000", "dej2000", "decj2000",   "de_icrs",
                                             "_dej2000", "dec_deg",        "dec_mean",    "dedeg",   "source_dec", "coord_dec"};
inline const std::vector<std::string> redshift = {"z_spec", "zspec", "redshift", "specz", "z_true", "true_redshift", "z", "zs"};
inline const std::vector<std::string> id = {"id",       "coadd_object_id", "coadd_objects_id", "source_id", "object_id",
                                            "objectid", "objid",           "thingid",          "targetid"};
}  // namespace known_columns

}  // namespace skyfold
