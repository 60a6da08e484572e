#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/source.hpp"
#include "skyfold/table/corrections.hpp"

/// Corrections of magnitudes as files keep them: attributes `corrections.*` of matched samples and of models, and their zero points by
/// tile in the group `/corrections`. A table that has a record is corrected already; one without is taken to be as it was measured.
namespace skyfold {

/// Value of --corrections for: do to this table what was done to the model's training sample.
inline constexpr const char* corrections_as_model = "as-model";
/// Value for: take the table as it is.
inline constexpr const char* no_corrections = "none";

/// Whether a value names a file.
[[nodiscard]] inline bool is_correction_file(const std::string& wanted) {
  return wanted != corrections_as_model && wanted != no_corrections;
}

/// Name of the group, and of a model's table, with the zero points by tile.
inline constexpr const char* correction_table = "corrections";
/// Attributes that keep a record; none of an empty one.
[[nodiscard]] Attributes correction_attributes(const CorrectionRecord& record);
/// Its zero points by tile: columns `tile` and `zeropoint` (mag, one element a band); without rows when there are none.
[[nodiscard]] Table tile_table(const CorrectionRecord& record);
/// The record that attributes keep; nothing when they keep none. Throws DataError, naming `path`, for one that cannot be understood.
/// @param tiles  `tile_table`, or null where the file has none
[[nodiscard]] std::optional<CorrectionRecord> corrections_from(const Attributes& attributes, const Table* tiles, const std::string& path);

/// Adds a record to a file that is being made; an empty one leaves it as it is.
void write_corrections(const std::string& path, const CorrectionRecord& record);
/// The record of a table or model; an empty one for files without, whatever their format.
[[nodiscard]] CorrectionRecord read_corrections(const std::string& path);
/// The record that tables have in common. Throws DataError for two that were corrected otherwise.
[[nodiscard]] CorrectionRecord common_corrections(const std::vector<std::string>& paths);

/// The corrections that an INI file describes in its section [corrections] (docs/match.md). Throws UsageError or DataError.
[[nodiscard]] CorrectionRecord read_correction_file(const std::string& path);

/// The table of zero points of --match.zeropoint_table: a column of tiles and one per band. Throws DataError for one that is not finite
/// and for a tile that is there twice.
/// @param tile    its column, or the catalogue's, which may be called otherwise
/// @param source  how it is read
[[nodiscard]] std::map<std::string, std::vector<double>, std::less<>> read_tile_zeropoints(const std::string& path, const std::string& tile,
                                                                                           const std::vector<std::string>& bands,
                                                                                           const SourceOptions& source = {});

}  // namespace skyfold
