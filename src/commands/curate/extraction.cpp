// Who extracts takes one task after the other from the ledger; what it leaves there depends on the task alone.
#include "extraction.hpp"

#include "detection_file.hpp"
#include "previews.hpp"
#include "tree.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {

ExtractionPlace ExtractionPlace::of(const std::string& archive) {
  const std::string folder = canonical_form(archive);
  if (read_small_file(folder + "/archive.ini").empty())
    throw IoError(fmt::format("{}: no archive of skyfold (curate register makes one)", archive));
  return {folder, Ledger(folder + "/ledger"), parse_schema(read_file(folder + "/schema.ini"), folder + "/schema.ini")};
}

bool extract_one(const ExtractionPlace& place) {
  for (const std::string& name : place.ledger.waiting()) {
    if (!place.ledger.claim(name)) continue;
    const CurateTask task = place.ledger.read(name);
    fault_point("claimed " + name);
    const std::string result = task.use_case == UseCase::cu2   ? extract_previews(task, place)
                               : task.use_case == UseCase::cu3 ? extract_metadata(task, place)
                                                               : extract_detections(task, place);
    fault_point("extracted " + name);
    place.ledger.finish(name, result);
    return true;
  }
  return false;
}

std::string extract_previews(const CurateTask& task, const ExtractionPlace& place) {
  const std::string relative = "previews/" + std::filesystem::path(task.night_folder).filename().string();
  std::error_code error;
  std::filesystem::create_directory(place.folder + "/" + relative, error);
  std::string result;
  for (const TaskFile& file : task.files) {
    try {
      const PreviewOptions options;
      for (const Preview& preview :
           make_previews(task.night_folder + "/" + file.name, night_file(file.name).stem, place.folder + "/" + relative, options)) {
        const std::string path = relative + "/" + preview.name;
        result += fmt::format("P\t{}\t{}\t{}\t{}\t{}\n", file.multiframe_id, preview.extension, cell_of(path), preview.bytes,
                              bytes_hash(place.folder + "/" + path));
      }
    } catch (const DataError& failure) {
      result += fmt::format("F\t{}\t{}\n", file.multiframe_id, cell_of(std::string(failure.what())));
    }
  }
  return result;
}

std::string cell_of(const SqlValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (!text) return sql_text(value);
  std::string cell = "'";
  // Of a damaged header anything may come; lines and cells of the ledger stay whole.
  for (const char c : *text) cell += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? '?' : c;
  return cell;
}

SqlValue value_of_cell(const std::string& cell, DeclaredColumn::Kind kind) {
  if (cell.empty()) return {};
  switch (kind) {
    case DeclaredColumn::Kind::text:
      return cell.substr(1);
    case DeclaredColumn::Kind::real:
      return parse_double(cell).value_or(0.0);
    default:
      return static_cast<std::int64_t>(parse_integer(cell).value_or(0));
  }
}

}  // namespace skyfold
