// Who extracts takes one task after the other from the ledger; what it leaves there depends on the task alone.
#include "extraction.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "job_costs.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {

ExtractionPlace ExtractionPlace::of(const std::string& archive) {
  const std::string folder = canonical_form(archive);
  if (read_small_file(folder + "/archive.ini").empty())
    throw IoError(fmt::format("{}: no archive of skyfold (curate register makes one)", archive));
  return {folder, Ledger(folder + "/ledger"), kept_schema(folder)};
}

namespace {

std::string extract(const CurateTask& task, const ExtractionPlace& place) {
  switch (task.use_case) {
    case UseCase::cu2:
      return extract_previews(task, place);
    case UseCase::cu3:
      return extract_metadata(task, place);
    default:
      return extract_detections(task, place);
  }
}

}  // namespace

bool is_of_file(const Error& error, const std::string& path) {
  return error.code() == ExitCode::data || (error.code() == ExitCode::io && std::string_view(error.what()).starts_with(path + ":"));
}

bool extract_one(const ExtractionPlace& place, const CuratePlan& plan, int rank) {
  for (const std::string& name : plan.ordered(rank, place.ledger.waiting())) {
    if (!place.ledger.claim(name)) continue;
    const CurateTask task = place.ledger.read(name);
    fault_point("claimed " + name);
    const double start_s = now_s();
    const std::string result = extract(task, place);
    fault_point("extracted " + name);
    note_cost(place.folder, task.use_case, size_of(task), now_s() - start_s);
    place.ledger.finish(name, result);
    return true;
  }
  return false;
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
