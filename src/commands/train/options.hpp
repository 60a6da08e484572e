#pragma once

#include <string>
#include <vector>

#include "skyfold/core/options.hpp"
#include "skyfold/dataset/model_photometry.hpp"
#include "skyfold/dataset/survey_preset.hpp"
#include "skyfold/io/source.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/table/photometry.hpp"

namespace skyfold {

/// Which objects of a sample are used; section `cuts`.
struct TrainCuts {
  double z_min = 0.001, z_max = 10.0;  // below 0.001: stars
  std::vector<double> mag_min, mag_max, colour_min, colour_max, error_max, snr_min;
  long min_bands = 0;
  std::string select;
};

/// Weights that make the training sample look like the reference catalogue; section `weights`.
struct TrainWeights {
  std::string method = "none";  ///< none, lima
  long neighbours = 5;
  std::vector<std::string> space;  ///< features as in table/features.hpp; empty: i, g-r, r-i, i-z as far as there are
  std::string coverage, sample;    ///< files; "" for the default place, and for none
  bool validation = false;         ///< of the held-out objects, too
  double target = 0.0;
};

/// Estimates of training objects by models that have not seen them; section `held_out`.
struct HeldOutOptions {
  long folds = 0;  ///< 0: none
  PdfOptions pdf = pdf_by_model();
};

/// Search over the options of the algorithms; section `tune`.
struct TuneOptions {
  long trials = 0;         ///< 0: none
  std::string by = "cde";  ///< cde, nmad
};

struct TrainOptions {
  std::vector<std::string> algorithms = {"dnf"};
  std::vector<std::string> sample, reference;
  std::string output, validation, subset, redshift, id;
  ModelBandOptions of_reference;  ///< magnitude, error and corrections
  double fraction = 0.5;
  long seed = 1;
  TrainCuts cuts;
  TrainWeights weights;
  HeldOutOptions held_out;
  std::string calibrate = "pit";  ///< pit, none
  TuneOptions tune;
  BandOptions bands;
  FluxOptions flux;
  ExtinctionOptions extinction;
  std::string survey;
  TakenSurvey preset;  ///< of it; not an option
  SourceOptions source;
};
void describe(OptionSet& option, TrainOptions& o);

/// `path` with `word` before its ending: model.h5 -> model.word.h5; with .h5 for one without an ending.
[[nodiscard]] std::string with_word(const std::string& path, const std::string& word);

/// Where the products go.
struct TrainPaths {
  std::vector<std::string> models;                            ///< in the order of the algorithms; the first is the run's main product
  std::string validation, subset, coverage, weighted_sample;  ///< "": not asked for
  std::vector<std::string> held_out, held_out_pdf;            ///< of each model; empty: not asked for
};
/// Throws UsageError for algorithms named twice or options that need others.
[[nodiscard]] TrainPaths train_paths(const TrainOptions& o);

}  // namespace skyfold
