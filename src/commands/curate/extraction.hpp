#pragma once

#include <string>

#include "ledger.hpp"
#include "plan_file.hpp"
#include "schema.hpp"

namespace skyfold {

class Error;

/// Where tasks are extracted; no database is needed for it.
struct ExtractionPlace {
  std::string folder;  ///< of the archive
  Ledger ledger;
  CurationSchema schema;

  /// Of the archive in `archive`. Throws IoError for none.
  [[nodiscard]] static ExtractionPlace of(const std::string& archive);
};

/// Previews of the images of a chunk, with the options that `curate previews` has by default, at their final paths in the archive; lines
/// with their paths and hashes.
[[nodiscard]] std::string extract_previews(const CurateTask& task, const ExtractionPlace& place);
/// Metadata of a chunk: rows of `multiframe` and `detector`, remarks on cards, files that failed; lines of cells between tabs.
[[nodiscard]] std::string extract_metadata(const CurateTask& task, const ExtractionPlace& place);
/// Detections of a chunk: a catalogue beside the ledger's lines, with temporary negative ids; the lines tell which file has which rows.
[[nodiscard]] std::string extract_detections(const CurateTask& task, const ExtractionPlace& place);

/// Whether an error is of the file `path`, so that it fails alone: its content, or that it cannot be read; not one of the disk that is
/// written.
[[nodiscard]] bool is_of_file(const Error& error, const std::string& path);

/// Takes a task that waits, extracts and publishes it; false when none is to be had. How long it took is noted in the archive.
/// @param plan  in which order they are tried
bool extract_one(const ExtractionPlace& place, const CuratePlan& plan = {}, int rank = 0);

/// Cells of a line of the ledger: nothing for NULL, texts behind an apostrophe.
[[nodiscard]] std::string cell_of(const SqlValue& value);
[[nodiscard]] SqlValue value_of_cell(const std::string& cell, DeclaredColumn::Kind kind);

}  // namespace skyfold
