#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sdss_source.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/io/source.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// 1 where another row is the better detection of the same source (--dedup.mark).
inline constexpr const char* repeated_column = "is_repeated";

struct ImportOptions {
  std::vector<std::string> input;
  std::string output, rejects;
  std::string ordering = "healpix", ordering_column;
  std::string ra, dec, id, tile;              ///< columns; "" = guessed
  std::vector<double> nondetection, missing;  ///< sentinels among magnitudes, which the catalogue records
  std::string nan, inf;
  std::vector<std::string> keep;  ///< columns; empty = all
  std::string where;              ///< condition on rows; empty = all
  std::string survey;             ///< preset that sentinels and the condition are from
  std::string on_bad_row = "error";
  long memory_mb = 1024;  ///< per rank
  SourceOptions source;
  ProfileOptions profile;
  std::string dedup = "none";                    ///< detections of one source in overlapping tiles: which stays
  double dedup_radius = 0.5;                     ///< arcsec, within which two detections are of one source
  std::string dedup_by, dedup_tile, dedup_list;  ///< number that is larger the better; column of tiles; where they are listed
  bool dedup_mark = false;                       ///< all rows stay, with a column that tells
  bool keep_order = false;                       ///< where rows were, and the form of FITS columns, are kept
  std::string with_ids;                          ///< set of ids of positions to be made; "": none
  std::vector<std::string> measurements;         ///< tables of measurements, in place of `input`
  std::string objects, join;                     ///< catalogue of their objects; how they find them
  std::string filter, time;                      ///< columns of measurements; "" = guessed
  std::vector<std::string> filters;              ///< that are known; empty = all
  // Of imports that other commands make; not options.
  std::string source_fingerprint;                       ///< of what an ordered copy is made of
  std::string creator, provenance;                      ///< of measurements that a command makes; "": import's
  std::string columns_section = "columns";              ///< where the user names columns, for messages
  bool takes_any_order = false;                         ///< without positions the ordering becomes none
  std::function<void(const CatalogueLayout&)> check{};  ///< called once the columns are known
};
void describe(OptionSet& option, ImportOptions& o);

/// What an import makes of its inputs' columns.
struct ImportSchema {
  Schema input;               ///< columns read from every file, types wide enough for all of them
  Roles roles;                ///< names of input columns, or of generated ones
  bool generates_id = false;  ///< no id column: the row's number in the inputs is the id
  bool has_positions = false;
  bool has_archive_ids = false;      ///< columns of ids of positions are made
  bool flags_crowding = false;       ///< column `crowded` is made
  bool marks_repeated = false;       ///< column `is_repeated` is made
  std::vector<std::string> remarks;  ///< what was guessed or left out, for the user
};

/// Unites the schemas of all inputs and finds the columns with a role. A slash in a name becomes an underscore, in `o`
/// too. Throws DataError when files have different
/// columns, UsageError for a named column that is absent or cannot play its role. Collective in the sense of `run`.
[[nodiscard]] ImportSchema unite_schemas(const std::vector<std::unique_ptr<Source>>& sources, ImportOptions& o, const ScanRunner& run);

/// The catalogue's columns: the input's, the generated ones, `_healpix_29`.
[[nodiscard]] Schema catalogue_schema(const ImportSchema& schema);

}  // namespace skyfold
