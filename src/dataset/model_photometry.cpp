// From the columns of a table to magnitudes like those that a model has learned from: which columns, fluxes or magnitudes, and which
// corrections are still to be made: none where the table has been corrected as the training sample was, all of them where it has not
// been corrected, and an error for anything between.
#include "skyfold/dataset/model_photometry.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/dataset/roles.hpp"

namespace skyfold {
namespace {

std::string described(const CorrectionRecord& record) {
  return record.is_empty() ? "not corrected" : "corrected (" + join(record.lines(), "; ") + ")";
}

/// Magnitude columns by the user's names, else by the model's, else by a known convention.
BandColumns magnitude_columns(const ModelBandOptions& o, const PhotozModel& model, const PhotometricTable& table,
                              const std::string& prefix) {
  const std::string& path = table.paths.front();
  BandOptions bands = model.bands;
  // What the user says is never completed by a guess: a wrong name is an error.
  if (!o.magnitude.empty() || !o.error.empty()) {
    if (!o.magnitude.empty()) bands.magnitude = o.magnitude;
    if (!o.error.empty()) bands.error = o.error;
    return resolve_bands(bands, table.schema, path);
  }
  try {
    return resolve_bands(bands, table.schema, path);
  } catch (const Error&) {
    // The table may follow another convention: then names are recognised anew, for the model's bands.
    bands.magnitude.clear();
    bands.error.clear();
  }
  try {
    return resolve_bands(bands, table.schema, path);
  } catch (const Error&) {
    // Where the table follows the model's names, those that it lacks are what is wrong.
    std::vector<std::string> lacking;
    for (const std::string& band : model.bands.bands)
      if (!find_column(table.schema, band_column(model.bands.magnitude, band))) lacking.push_back(band);
    throw DataError(fmt::format("{}: no columns for bands {} of the model (named '{}' there; give --{})", path,
                                join(lacking.empty() ? model.bands.bands : lacking, ","), model.bands.magnitude,
                                prefix.empty() ? "bands.magnitude" : prefix + "magnitude"));
  }
}

bool has_all(const std::string& pattern, const std::vector<std::string>& bands, const Schema& schema) {
  return std::all_of(bands.begin(), bands.end(), [&](const std::string& band) { return find_column(schema, band_column(pattern, band)); });
}

/// Fluxes as the model has learned from, where the table has them and has not been converted.
bool has_fluxes_of(const FluxScale& scale, const PhotozModel& model, const CorrectionRecord& there, const Schema& schema) {
  // A training set made by match has magnitudes under the names of the catalogue's fluxes' bands: not to be converted twice.
  return scale.is_set() && !there.scale.is_set() && has_all(scale.flux, model.bands.bands, schema) &&
         (scale.flux_error.empty() || has_all(scale.flux_error, model.bands.bands, schema));
}

BandColumns flux_columns(const FluxScale& scale, BandOptions bands, const PhotometricTable& table) {
  bands.magnitude = scale.flux;
  bands.error = scale.flux_error;
  return resolve_bands(bands, table.schema, table.paths.front());
}

/// Which columns, and the scale of their values, which stands in `found.corrections` no more than in the record that is made of it.
FluxScale choose_columns(const ModelBandOptions& o, const PhotozModel& model, const CorrectionRecord& there, const PhotometricTable& table,
                         const std::string& prefix, TablePhotometry& found) {
  const std::string& path = table.paths.front();
  const FluxScale recorded = of_bands(model.corrections, model.bands.bands).scale;
  FluxScale scale;
  BandOptions bands = model.bands;
  // In order of evidence: what the user says, what the model has learned from, names that are usual.
  if (o.flux.is_set()) {
    if (!o.flux.flux.empty()) bands.magnitude.clear(), bands.error.clear();
    if (!o.magnitude.empty()) bands.magnitude = o.magnitude;
    if (!o.error.empty()) bands.error = o.error;
    take_flux_names(o.flux, bands, table.schema, path);
    found.columns = resolve_bands(bands, table.schema, path);
    std::string guess;
    scale = flux_scale(o.flux, bands, found.columns, table.schema, path, guess);
    if (!guess.empty()) found.lines.push_back(guess);
  } else if (o.magnitude.empty() && o.error.empty() && has_fluxes_of(recorded, model, there, table.schema)) {
    scale = recorded;
    found.columns = flux_columns(scale, bands, table);
  } else {
    found.columns = magnitude_columns(o, model, table, prefix);
  }
  if (scale.is_set() && there.scale.is_set()) throw DataError(path + ": its magnitudes are of fluxes already (made by match)");
  // What match makes of fluxes has limits, too.
  found.columns.errors_are_limits = scale.is_set() || there.scale.is_set();
  return scale;
}

/// Where E(B-V) of a table is found.
ReddeningAt reddening_of(CorrectionRecord& record, const ExtinctionOptions& o, const PhotometricTable& table, const std::string& source) {
  if (!record.has_extinction()) return {};
  if (!o.column.empty() && record.ebv.empty())
    throw UsageError(fmt::format("--extinction.column: {} has E(B-V) from the map {} (--extinction.map names it)", source, record.ebv_map));
  if (!o.map.empty() && record.ebv_map.empty())
    throw UsageError(fmt::format("--extinction.map: {} has E(B-V) from a column {} (--extinction.column names it)", source, record.ebv));
  if (!o.column.empty()) record.ebv = o.column;
  if (record.ebv_map.empty()) return {};
  const std::string path = o.map.empty() ? record.ebv_map : o.map;
  std::error_code error;
  if (o.map.empty() && !std::filesystem::exists(path, error))
    throw IoError(fmt::format("{}: no such file (the map of E(B-V) of {}; --extinction.map tells where it is)", path, source));
  // Two maps of one name give two dereddenings: the model knows the bytes of its own.
  if (!record.ebv_hash.empty() && file_identity(path) != record.ebv_hash)
    throw DataError(fmt::format("{}: is another map of E(B-V) than that of {}", path, source));
  if (table.ra.empty() || table.dec.empty())
    throw UsageError(fmt::format("{}: no positions are known, which the map of E(B-V) needs", table.paths.front()));
  record.ebv_map = path;
  return {open_reddening_map(path), table.ra, table.dec};
}

CorrectionRecord wanted_record(const ModelBandOptions& o, const PhotozModel& model) {
  if (!is_correction_file(o.corrections)) return model.corrections;
  return is_own_product(o.corrections) ? read_corrections(o.corrections) : read_correction_file(o.corrections);
}

/// Zero points and extinction that the table still needs; none where they have been done.
CorrectionRecord missing_corrections(const ModelBandOptions& o, const PhotozModel& model, const std::string& model_path,
                                     const CorrectionRecord& there, const PhotometricTable& table, const std::string& prefix) {
  const std::vector<std::string>& bands = model.bands.bands;
  const std::string& path = table.paths.front();
  CorrectionRecord none;
  none.bands = bands;
  if (o.corrections == no_corrections) {
    if (!difference(there, model.corrections, bands).empty())
      log_warning(fmt::format("{}: its magnitudes are taken as they are, {}; those that {} was trained with are {}", path, described(there),
                              model_path, described(model.corrections)));
    return none;
  }
  const std::string source = is_correction_file(o.corrections) ? o.corrections : model_path;
  CorrectionRecord record = wanted_record(o, model);
  const std::string what = difference(there, record, bands);
  if (what.empty()) return none;  // as they should be, or nothing is to be done
  // Half a correction cannot be completed: what was done to which objects is not known.
  if (!of_bands(there, bands).is_empty())
    throw DataError(
        fmt::format("{}: its magnitudes are corrected otherwise than those of {}: {} (--{}corrections none takes them as they are)", path,
                    source, what, prefix));
  record = of_bands(record, bands);
  // Catalogues call their tiles differently; the import has found which column it is.
  if (!record.tile.empty() && !find_column(table.schema, record.tile) && !table.tile.empty()) record.tile = table.tile;
  return record;
}

void take(const std::vector<double>& from, std::vector<double>& to) {
  if (!from.empty()) to = from;
}
void take(const std::string& from, std::string& to) {
  if (!from.empty()) to = from;
}

}  // namespace

void describe(OptionSet& option, ModelBandOptions& o) {
  option("bands.magnitude", o.magnitude, "name of the magnitude columns, where not as in the training sample");
  option("bands.error", o.error, "name of the magnitude error columns").unit("mag");
  describe(option, o.flux);
  option("bands.nondetection", o.nondetection, "values that mean observed but not detected; empty: as the table or the model has it");
  option("bands.missing", o.missing, "values that mean not observed; empty: as the table or the model has it");
  option("bands.nan", o.nan, "what NaN means: missing or nondetection; empty: as the table or the model has it")
      .one_of({"", "missing", "nondetection"});
  option("bands.inf", o.inf, "what infinity means, likewise").one_of({"", "missing", "nondetection"});
  option("extinction.column", o.extinction.column, "column of E(B-V), where not called as in the training sample").unit("mag");
  option("extinction.map", o.extinction.map, "the model's map of E(B-V), where it is not at its old place").layout();
  option("corrections", o.corrections,
         "corrections of the magnitudes: as-model (as those that the model was trained with), none, or a file that describes them or has a "
         "record of them");
}

std::vector<std::string> files_of(const ModelBandOptions& o) {
  std::vector<std::string> files;
  if (is_correction_file(o.corrections)) files.push_back(o.corrections);
  if (!o.extinction.map.empty()) files.push_back(o.extinction.map);
  return files;
}

PhotometricTable photometric_table(const Dataset& dataset, const std::vector<std::string>& paths) {
  PhotometricTable table{paths, dataset.schema(), "", "", ""};
  if (dataset.catalogue()) {
    const Roles& roles = dataset.catalogue()->layout().roles;
    table.ra = roles.ra;
    table.dec = roles.dec;
    table.tile = roles.tile;
  } else if (const auto position = known_position(dataset.schema(), Frame::equatorial)) {
    table.ra = position->lon;
    table.dec = position->lat;
  }
  return table;
}

TablePhotometry model_photometry(const ModelBandOptions& o, PhotozModel& model, const std::string& model_path,
                                 const PhotometricTable& table, const std::string& prefix) {
  const CorrectionRecord there = common_corrections(table.paths);
  TablePhotometry found;
  const FluxScale scale = choose_columns(o, model, there, table, prefix, found);
  // The table's own sentinels stand above the model's, and the user's above both.
  take_sentinels(there, model.bands);
  take(o.nondetection, model.bands.nondetection);
  take(o.missing, model.bands.missing);
  take(o.nan, model.bands.nan);
  take(o.inf, model.bands.inf);
  CorrectionRecord record = missing_corrections(o, model, model_path, there, table, prefix);
  record.scale = scale;
  if (!record.has_extinction() && (!o.extinction.column.empty() || !o.extinction.map.empty()))
    throw UsageError(fmt::format("--extinction: no extinction is taken off for {} (train and match take it off)", model_path));
  ReddeningAt reddening = reddening_of(record, o.extinction, table, model_path);
  found.corrections =
      Corrections(std::move(record), found.columns, model.bands, table.schema, table.paths.front(), model_path, std::move(reddening));
  found.corrections.keep_negative_fluxes();
  for (const std::string& line : found.corrections.record().lines()) found.lines.push_back(line);
  return found;
}

TablePhotometry sample_photometry(const FluxOptions& flux, const ExtinctionOptions& extinction, const BandOptions& bands,
                                  const BandColumns& columns, const CorrectionRecord& there, CorrectionRecord record,
                                  const PhotometricTable& table, const std::string& tiles_from) {
  const std::string& path = table.paths.front();
  TablePhotometry found{columns, {}, {}};
  record.bands = bands.bands;
  if (flux.is_set()) {
    std::string guess;
    record.scale = flux_scale(flux, bands, columns, table.schema, path, guess);
    if (!guess.empty()) found.lines.push_back(guess);
  }
  set_extinction(extinction, record);
  if (!there.is_empty() && !record.is_empty())
    throw DataError(fmt::format("{}: its magnitudes are corrected already ({})", path, join(there.lines(), "; ")));
  if (there.scale.is_set() && record.scale.is_set()) throw DataError(path + ": its magnitudes are of fluxes already (made by match)");
  found.columns.errors_are_limits = record.scale.is_set() || there.scale.is_set();
  ReddeningAt reddening = reddening_of(record, {}, table, path);
  found.corrections = Corrections(std::move(record), found.columns, bands, table.schema, path, tiles_from, std::move(reddening));
  return found;
}

void take_sentinels(const CorrectionRecord& there, BandOptions& bands) {
  const BandOptions usual;
  // An option that the user gave with its usual value cannot be told from one that was not given: the record is right then, too.
  if (bands.nondetection == usual.nondetection) take(there.nondetection, bands.nondetection);
  if (bands.missing == usual.missing) take(there.missing, bands.missing);
  if (bands.nan == usual.nan) take(there.nan, bands.nan);
  if (bands.inf == usual.inf) take(there.inf, bands.inf);
}

void record_sentinels(const BandOptions& bands, CorrectionRecord& record) {
  const BandOptions usual;
  // The usual ones are not recorded, so that products without sentinels of their own keep their bytes.
  if (bands.nondetection != usual.nondetection) record.nondetection = bands.nondetection;
  if (bands.missing != usual.missing) record.missing = bands.missing;
  if (bands.nan != usual.nan) record.nan = bands.nan;
  if (bands.inf != usual.inf) record.inf = bands.inf;
}

}  // namespace skyfold
