#pragma once

#include <array>
#include <string>
#include <vector>

#include "skyfold/dataset/model_photometry.hpp"
#include "skyfold/io/source.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/validate/metrics.hpp"

namespace skyfold {

/// Options of `validate`.
struct ValidateOptions {
  std::vector<std::string> sample, models, estimates;
  std::string output, json;
  std::string redshift, id, weight, magnitude;  // "": guessed
  std::string estimate_id, estimate_z = "z_phot", estimate_err = "z_err";
  std::string missing = "error";
  ModelBandOptions bands;
  std::string survey;                  // preset of the bands
  double z_min = 0.001, z_max = 10.0;  // as train has it: below 0.001 are stars
  double cull = 0.1;
  double z_width = 0.1, magnitude_width = 0.5;
  long error_bins = 10, pit_bins = 20;
  double odds_width = 0.098;  // 1.96 * 0.05, as BPZ has it
  validation::MetricRules rules;
  long realisations = 100, seed = 1;
  std::string limits_subset = "culled";
  std::array<std::vector<double>, validation::n_metrics> limits;  // none or one
  bool vet = false;
  PdfOptions pdf;
  SourceOptions source;

  ValidateOptions();
};
void describe(OptionSet& option, ValidateOptions& o);
/// Throws UsageError for values that do not go together.
void check(const ValidateOptions& o);

}  // namespace skyfold
