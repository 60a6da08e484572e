#pragma once

#include <string>
#include <vector>

namespace skyfold {

/// Usual names of columns, in lower case, most specific first: for known_column. The one list of them; what a command prefers stands in
/// front of it.
namespace known_columns {

/// Columns of longitude and latitude that belong together, and their frame: G galactic, C equatorial, E ecliptic.
struct Pair {
  std::string lon, lat;
  char frame;
};
inline const std::vector<Pair> positions = {
    {"glon", "glat", 'G'},
    {"gal_lon", "gal_lat", 'G'},
    {"ra", "dec", 'C'},
    {"alphawin_j2000", "deltawin_j2000", 'C'},
    {"alpha_j2000", "delta_j2000", 'C'},
    {"raj2000", "dej2000", 'C'},
    {"raj2000", "decj2000", 'C'},
    {"ra_icrs", "de_icrs", 'C'},
    {"_raj2000", "_dej2000", 'C'},
    {"ra_deg", "dec_deg", 'C'},
    {"ra_mean", "dec_mean", 'C'},
    {"radeg", "dedeg", 'C'},
    {"source_ra", "source_dec", 'C'},
    {"coord_ra", "coord_dec", 'C'},
    {"elon", "elat", 'E'},
};

/// One side of the equatorial pairs, each name once.
inline std::vector<std::string> equatorial(std::string Pair::*side) {
  std::vector<std::string> names;
  for (const Pair& pair : positions)
    if (pair.frame == 'C' && (names.empty() || names.back() != pair.*side)) names.push_back(pair.*side);
  return names;
}
inline const std::vector<std::string> ra = equatorial(&Pair::lon);
inline const std::vector<std::string> dec = equatorial(&Pair::lat);

inline std::vector<std::string> preferring(std::vector<std::string> first, const std::vector<std::string>& then) {
  first.insert(first.end(), then.begin(), then.end());
  return first;
}
inline const std::vector<std::string> id = {"id",       "coadd_object_id", "coadd_objects_id", "source_id", "object_id",
                                            "objectid", "objid",           "thingid",          "targetid"};
/// Of targets with spectra, and of sources that a paper names.
inline const std::vector<std::string> target_id = preferring({"id", "specobjid"}, id);
inline const std::vector<std::string> source_name = preferring({"name", "source_name", "designation"}, id);

inline const std::vector<std::string> redshift = {"z_spec", "zspec", "redshift", "specz", "z_true", "true_redshift", "z", "zs"};
inline const std::vector<std::string> weight = {"weight"};
inline const std::vector<std::string> tile = {"tile", "tilename"};
/// Where tiles are asked for, less sure names count, too.
inline const std::vector<std::string> likely_tile = {"tile", "tilename", "tile_name", "field"};

}  // namespace known_columns

}  // namespace skyfold
