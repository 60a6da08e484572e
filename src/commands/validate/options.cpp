// Options of validate: sample, models or tables of estimates, bins, bootstrap, and limits of acceptance, which are by default the
// requirements of the Dark Energy Survey for the culled subset.
#include "options.hpp"

#include <fmt/core.h>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/dataset/survey_preset.hpp"

namespace skyfold {
namespace {

using validation::LimitKind;
using validation::Metric;
using validation::place;

std::string limit_help(const validation::MetricInfo& info) {
  switch (info.limit) {
    case LimitKind::size:
      return fmt::format("largest |{}| accepted; empty: any", info.name);
    case LimitKind::from_one:
      return fmt::format("largest |{} - 1| accepted; empty: any", info.name);
    case LimitKind::from_683:
      return fmt::format("largest |{} - 0.6827| accepted; empty: any", info.name);
    case LimitKind::above:
      return fmt::format("smallest {} accepted; empty: any", info.name);
    // The rest is for limits that are plain upper bounds; those say what the metric means, since their names do not.
    case LimitKind::below:
      break;
  }
  return fmt::format("largest {} accepted: {}; empty: any", info.name, info.meaning);
}

}  // namespace

ValidateOptions::ValidateOptions() {
  // Only these have a limit unless the user sets one. An empty list is none, which no number could stand for.
  limits[place(Metric::sigma68)] = {0.12};  // the requirements of the Dark Energy Survey, for the culled subset
  limits[place(Metric::out_2sigma)] = {0.10};
  limits[place(Metric::out_3sigma)] = {0.015};
  pdf = pdf_by_model();
  pdf.kind = "interp";  // what photoz --pdf interp gives
}

void describe(OptionSet& option, ValidateOptions& o) {
  // Paths are layout: the same files under other names are the same run.
  option("sample", o.sample, "objects with known redshifts that trained none of the models: any table that import reads")
      .required()
      .layout();
  option("models", o.models, "models made by train, which estimate the sample").layout();
  option("estimates", o.estimates, "photo-z of the sample's objects, joined by id: products of photoz, or any table").layout();
  option("output", o.output, "metrics, HDF5").required().layout().writes(FileKind::hdf5);
  option("json", o.json, "the same numbers as JSON").layout().writes(FileKind::json);
  option("redshift", o.redshift, "column of known redshifts; empty: the model's, or guessed");
  option("id", o.id, "column of ids; empty: guessed, or the row numbers; none: the row numbers");
  option("weight", o.weight, "column of weights; empty: weight where there is one; none: all count the same");
  option("magnitude", o.magnitude, "column for bins of magnitude; empty: band i or the middle one; none: no such bins");
  option("on-missing", o.missing, "objects of the sample that estimates lack: error, or count them and go on").one_of({"error", "count"});
  option("cull", o.cull, "share of objects with the largest errors that the subset 'culled' leaves out").range(0.0, 0.99);
  option("seed", o.seed, "seed of the bootstrap");
  // The verdict is no part of the product: a finished run can be asked for it afterwards.
  option("vet", o.vet, "end with exit code 5 when a model misses a limit, by however little").layout();
  option("cuts.z_min", o.z_min, "smallest known redshift measured; stars are below 0.001").range(-0.99, 100.0);
  option("cuts.z_max", o.z_max, "largest known redshift measured").range(-0.99, 100.0);
  option("estimates.id", o.estimate_id, "column of ids of the estimates; empty: guessed");
  option("estimates.z_phot", o.estimate_z, "column of estimated redshifts");
  option("estimates.z_err", o.estimate_err, "column of their errors");
  describe_survey(option, o.survey);
  describe(option, o.bands);
  option("bins.z", o.z_width, "width of the bins of z_phot; 0: none").range(0.0, 100.0);
  option("bins.magnitude", o.magnitude_width, "width of the bins of magnitude; 0: none").unit("mag").range(0.0, 100.0);
  option("bins.error", o.error_bins, "bins of z_err, of equal numbers of objects; 0: none").range(0, 1000);
  option("bins.poisson", o.rules.poisson_width, "width of the redshift bins of n_poisson").range(1e-4, 10.0);
  option("bins.pit", o.pit_bins, "bins of the PIT histogram").range(2, 1000);
  option("bootstrap.realisations", o.realisations, "realisations that the errors of the metrics rest on; 0: no errors").range(0, 100'000);
  describe(option, o.pdf);
  option("pdf.outlier", o.rules.pit_outlier, "PITs nearer to 0 or 1 than that are outliers").range(1e-12, 0.25);
  option("pdf.odds", o.odds_width, "half width of the interval of odds, times 1 + z_phot").range(1e-6, 10.0);
  option("limits.subset", o.limits_subset, "what the limits are for: all objects, those left by culling, or both")
      .one_of({"all", "culled", "both"});
  for (std::size_t m = 0; m < validation::n_metrics; ++m) {
    const validation::MetricInfo& info = validation::metric_infos()[m];
    option("limits." + std::string(info.name), o.limits[m], limit_help(info));
  }
  describe(option, o.source);
}

void check(const ValidateOptions& o) {
  if (o.models.empty() && o.estimates.empty()) throw UsageError("neither --models nor --estimates: nothing to validate");
  const ValidateOptions by_default;
  if (o.models.empty())
    refuse_idle_options("--models", {{"survey", !o.survey.empty()}, {"corrections", o.bands.corrections != by_default.bands.corrections}});
  if (o.estimates.empty())
    refuse_idle_options("--estimates", {{"estimates.id", o.estimate_id != by_default.estimate_id},
                                        {"estimates.z_phot", o.estimate_z != by_default.estimate_z},
                                        {"estimates.z_err", o.estimate_err != by_default.estimate_err},
                                        {"on-missing", o.missing != by_default.missing}});
  if (o.magnitude == "none")
    refuse_idle_options("another --magnitude than none", {{"bins.magnitude", o.magnitude_width != by_default.magnitude_width}});
  if (o.z_min > o.z_max) throw UsageError(fmt::format("cuts.z_min = {} (must be <= cuts.z_max = {})", o.z_min, o.z_max));
  for (std::size_t m = 0; m < validation::n_metrics; ++m) {
    const std::vector<double>& limit = o.limits[m];
    const std::string_view name = validation::metric_infos()[m].name;
    if (limit.size() > 1) throw UsageError(fmt::format("--limits.{}: {} values (one, or none)", name, limit.size()));
  }
}

}  // namespace skyfold
