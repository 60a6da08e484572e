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
    {"ra", "decl", 'C'},
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

inline const std::vector<std::string> redshift = {"z_spec", "zspec",         "redshift",      "specz", "spec_z",
                                                  "z_true", "true_redshift", "redshift_true", "z",     "zs"};
/// Flags that tell how sure a redshift is; each survey has a scale of its own.
inline const std::vector<std::string> redshift_quality = {
    "quality", "z_quality", "zquality", "redshift_quality", "z_flag", "zflag", "zwarning", "zwarn", "qop", "q_z", "zqual", "z_qual"};
inline const std::vector<std::string> weight = {"weight"};
inline const std::vector<std::string> tile = {"tile", "tilename"};
/// Where tiles are asked for, less sure names count, too.
inline const std::vector<std::string> likely_tile = {"tile", "tilename", "tile_name", "field"};

/// How surveys call their columns of one kind of photometry: {band} or {BAND} (upper case) stands for the band.
struct Magnitudes {
  std::string magnitude, error;
  std::vector<std::string> bands;  ///< to look for, blue to red
};
inline const std::vector<std::string> optical_bands = {"u", "g", "r", "i", "z", "y"};
/// The most specific names first; the case of letters counts, since bands differ in nothing else.
inline const std::vector<Magnitudes> magnitudes = {
    {"mag_{band}", "mag_err_{band}", {"u", "g", "r", "i", "z", "y", "Y"}},
    {"mag_{band}_lsst", "mag_err_{band}_lsst", optical_bands},
    {"mag_{band}_lsst", "mag_{band}_lsst_err", optical_bands},
    {"MAG_{BAND}", "MAG_ERR_{BAND}", optical_bands},
    {"MAG_{BAND}", "MAGERR_{BAND}", optical_bands},
    {"MAG_AUTO_{BAND}", "MAGERR_AUTO_{BAND}", optical_bands},
    {"MAG_DETMODEL_{BAND}", "MAGERR_DETMODEL_{BAND}", optical_bands},
    {"psfmag_{band}", "psfmagerr_{band}", {"u", "g", "r", "i", "z"}},
    {"modelMag_{band}", "modelMagErr_{band}", {"u", "g", "r", "i", "z"}},
    {"mag_{band}", "magerr_{band}", {"u", "g", "r", "i", "z", "y", "Y"}},
    {"{band}_gaap1p0Mag", "{band}_gaap1p0MagErr", optical_bands},
    {"{band}_cModelMag", "{band}_cModelMagErr", optical_bands},
    {"{band}_psfMag", "{band}_psfMagErr", optical_bands},
    {"psfMag_{band}", "psfMagErr_{band}", {"u", "g", "r", "i", "z"}},
    {"{band}", "e{band}", optical_bands},
    {"{band}", "{band}err", optical_bands},
};

/// Likewise of fluxes, which are never taken without being asked for: their unit decides what they mean.
struct Fluxes {
  std::string flux, error;
};
inline const std::vector<Fluxes> fluxes = {
    {"{band}_gaap1p0Flux", "{band}_gaap1p0FluxErr"},
    {"{band}_cModelFlux", "{band}_cModelFluxErr"},
    {"{band}_psfFlux", "{band}_psfFluxErr"},
    {"flux_{band}", "flux_err_{band}"},
    {"flux_{band}", "fluxerr_{band}"},
    {"flux_{band}", "flux_{band}_err"},
    {"FLUX_AUTO_{BAND}", "FLUXERR_AUTO_{BAND}"},
    {"FLUX_{BAND}", "FLUXERR_{BAND}"},
};

}  // namespace known_columns

}  // namespace skyfold
