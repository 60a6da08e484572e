#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/farm/ranks.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {

class OptionSet;

/// Inputs of a survey's own kind, made into a plain table; options of import.
struct ProfileOptions {
  std::string profile = "none";  ///< none, or sdss-tsobj
  std::string root;              ///< folder of the files that lists of fields name; "": the current one
  std::string local_files;       ///< folder for reduced copies; "": none
  std::string clean = "locus";   ///< locus, sdss-dr7, none
  std::string crowding_band = "r";
  double crowding_resolution = 10.8;  ///< arcsec; 0: no star is crowded
  double crowding_dmag = 5.0;         ///< mag
  [[nodiscard]] bool is_set() const noexcept { return profile != "none"; }
};
void describe(OptionSet& option, ProfileOptions& o);

/// Whether an object of SDSS's calibrated lists (tsObj) is a clean point source. `locus`: primary, detected in a band
/// of the original image, without the flags that the published programs refuse, and a star; `sdss-dr7`: besides neither
/// saturated, nor at an edge, nor without profile; `none`: all objects.
[[nodiscard]] bool is_clean(const std::string& clean, std::int64_t status, std::int64_t flags, std::int64_t flags2,
                            std::int64_t type) noexcept;

/// The field files that arguments name, in order: tsObj-*.fit or *_local.fit themselves, all such files below a folder
/// (in order of path), those in a binary list (.prm), or those that a list of fields (.csv) names below `root`. Throws IoError for one that
/// is missing, UsageError for none.
[[nodiscard]] std::vector<std::string> field_files(const std::vector<std::string>& arguments, const std::string& root);

/// Writes the reduced copy X_local.fit of each field file X.fit below `o.local_files`, where SDSS's tree has it, and says how much smaller
/// they are; collective. Throws UsageError for inputs that are such copies.
void write_local_files(const Ranks& ranks, const std::vector<std::string>& inputs, const ProfileOptions& o);

/// Field files as one input each, or, when there are very many, as one input for every so many of them. Columns: id (of
/// position and magnitudes, so that repeated detections are found), ra, dec, u, g, r, i, z; rows: the clean ones.
/// Throws IoError or DataError that names the file.
[[nodiscard]] std::vector<std::unique_ptr<Source>> open_field_files(const std::vector<std::string>& paths, const ProfileOptions& o);

}  // namespace skyfold
