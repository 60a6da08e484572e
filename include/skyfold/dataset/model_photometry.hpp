#pragma once

#include <string>
#include <vector>

#include "skyfold/dataset/correction_record.hpp"
#include "skyfold/dataset/extinction.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

/// How the photometry of a table is read: as a sample to learn from, or for a model that has learned.
namespace skyfold {

/// What the user says about a table that a model is used on; what is empty is as in the training sample.
struct ModelBandOptions {
  std::string magnitude, error;
  FluxOptions flux;
  std::vector<double> nondetection, missing;
  std::string nan, inf;
  ExtinctionOptions extinction;  ///< where E(B-V) is; its coefficients are the model's
  std::string corrections = corrections_as_model;
};
/// Options of `bands`, `extinction` and `corrections`.
void describe(OptionSet& option, ModelBandOptions& o);
/// Files that the options name.
[[nodiscard]] std::vector<std::string> files_of(const ModelBandOptions& o);

/// A table that is read; its columns of positions and tiles are "" where they are not known.
struct PhotometricTable {
  std::vector<std::string> paths;  ///< the first one for messages
  const Schema& schema;
  std::string ra, dec, tile;
};
/// One that is a catalogue knows its roles; of others positions are found by their names.
[[nodiscard]] PhotometricTable photometric_table(const class Dataset& dataset, const std::vector<std::string>& paths);

/// Columns, and what makes magnitudes of them.
struct TablePhotometry {
  BandColumns columns;
  Corrections corrections;
  std::vector<std::string> lines;  ///< to be said
};

/// Of a table that a model is used on: by the names that the user gives, else, where the model has learned from fluxes, by the names of
/// those, else by the model's, else by a known convention. Sentinels of the model become those of the table.
///
/// @param prefix  of the options, for messages: "" or "reference."
/// Throws UsageError for names that the table lacks, DataError when nothing fits, and where the table has been corrected otherwise than the
/// model's training sample.
[[nodiscard]] TablePhotometry model_photometry(const ModelBandOptions& o, PhotozModel& model, const std::string& model_path,
                                               const PhotometricTable& table, const std::string& prefix = "");

/// Of a table that is learned from: what its columns are turned into, as the user says.
///
/// @param bands   resolved
/// @param there   what has been done to the table before; where it says anything, nothing may be added
/// @param record  with zero points, where there are any
[[nodiscard]] TablePhotometry sample_photometry(const FluxOptions& flux, const ExtinctionOptions& extinction, const BandOptions& bands,
                                                const BandColumns& columns, const CorrectionRecord& there, CorrectionRecord record,
                                                const PhotometricTable& table, const std::string& tiles_from);
/// Sentinels that a table records go before the usual ones, not before what the user says.
void take_sentinels(const CorrectionRecord& there, BandOptions& bands);
/// Those that are not the usual ones, to be recorded.
void record_sentinels(const BandOptions& bands, CorrectionRecord& record);

}  // namespace skyfold
