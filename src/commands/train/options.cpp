// Options of train, and the names of its products: what is not named stands beside the model, with a word before its ending.
#include "options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "skyfold/commands/pdf_path.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {
namespace {

void describe_cuts(OptionSet& option, TrainCuts& o) {
  constexpr double none = std::numeric_limits<double>::infinity();  // of one band, where others have a limit
  option("cuts.z_min", o.z_min, "smallest redshift used").range(-1.0, 100.0);
  option("cuts.z_max", o.z_max, "largest redshift used").range(-1.0, 100.0);
  option("cuts.mag_min", o.mag_min, "bright limit: one value for all bands, or one per band; empty: none").unit("mag").range(-none, none);
  option("cuts.mag_max", o.mag_max, "faint limit, as mag_min").unit("mag").range(-none, none);
  option("cuts.colour_min", o.colour_min, "blue limit of the colours of neighbouring bands: one value, or one per colour; empty: none")
      .unit("mag")
      .range(-none, none);
  option("cuts.colour_max", o.colour_max, "red limit, as colour_min").unit("mag").range(-none, none);
  option("cuts.error_max", o.error_max, "largest magnitude error, as mag_min").unit("mag").range(0.0, none);
  option("cuts.snr_min", o.snr_min, "smallest signal to noise, 1.0857 / error, as mag_min").range(0.0, 1e9);
  option("cuts.min_bands", o.min_bands, "smallest number of bands observed; 0: all").range(0, 32);
  option("cuts.select", o.select, "condition on columns of the sample, such as 'class_star < 0.9 and flags == 0'; empty: none");
}

void describe_weights(OptionSet& option, TrainWeights& o) {
  option("weights", o.method, "weights of the training objects: none, or lima (they resemble the reference catalogue)")
      .one_of({"none", "lima"});
  option("weights.neighbours", o.neighbours, "neighbour whose distance is the radius of a training object's ball").range(1, 1000);
  option("weights.space", o.space, "features in which distances are measured; empty: i,g-r,r-i,i-z as far as there are").unit("mag");
  option("weights.coverage", o.coverage,
         "where the number of balls around each reference object is written; empty: OUTPUT with .coverage before the ending, for lima")
      .layout()
      .writes(FileKind::hdf5);
  option("weights.validation", o.validation, "weights of the held-out objects, too: a column weight, by which validate measures");
  option("weights.sample", o.sample, "where a weighted sample is written; empty: none").layout().writes(FileKind::hdf5);
  option("weights.target", o.target, "objects of the weighted sample; 0: as many as in training").range(0.0, 1e9);
}

}  // namespace

void describe(OptionSet& option, TrainOptions& o) {
  option("algorithms", o.algorithms, "photo-z algorithms, trained on the same objects").one_of(photoz_algorithm_names());
  option("sample", o.sample,
         "objects with known redshift: training sets of match, or any table that import reads; codes of templates can do without")
      .layout();
  option("output", o.output, "model to write, HDF5; of several algorithms with the name of each before the ending")
      .required()
      .layout()
      .writes(FileKind::hdf5);
  describe_survey(option, o.survey);
  option("redshift", o.redshift, "column of spectroscopic redshifts; empty: guessed");
  option("id", o.id, "column of ids; empty: guessed, or the row numbers; none: the row numbers");
  // By id: who trains does not change when the sample is sorted, or more objects are added.
  option("train.fraction", o.fraction, "share of the sample to train with, drawn by id; the rest is for validation").range(0.001, 1.0);
  option("train.validation", o.validation, "where the rest is written; empty: OUTPUT with .validation before the ending")
      .layout()
      .writes(FileKind::hdf5);
  option("train.subset", o.subset, "where the training objects are written; empty: with weights OUTPUT with .training before the ending")
      .layout()
      .writes(FileKind::hdf5);
  option("seed", o.seed, "seed of the draws");
  option("reference", o.reference, "photometric catalogue that the training set is compared with: any table that import reads").layout();
  option("reference.magnitude", o.of_reference.magnitude, "name of its magnitude columns, where not as in the sample").unit("mag");
  option("reference.error", o.of_reference.error, "name of its magnitude error columns").unit("mag");
  option("reference.flux", o.of_reference.flux.flux, "name of its flux columns, where it has fluxes and the sample magnitudes, or others");
  option("reference.flux_error", o.of_reference.flux.flux_error, "name of its flux error columns");
  option("reference.flux_zeropoint", o.of_reference.flux.flux_zeropoint,
         "AB magnitude of a flux of 1 there: one for all bands or one per band; empty: by units")
      .unit("mag");
  option("reference.ebv", o.of_reference.extinction.column, "its column of E(B-V), where not called as in the sample").unit("mag");
  option("reference.corrections", o.of_reference.corrections,
         "corrections of its magnitudes: as-model (what the sample records), none, or a file that describes them or has a record of them");
  describe_cuts(option, o.cuts);
  describe_weights(option, o.weights);
  option("calibrate", o.calibrate,
         "pit: PDFs and errors are calibrated by objects that five more trainings on four fifths did not see (above 200,000 objects: one "
         "such training); none: they are as the algorithm has them")
      .one_of({"pit", "none"});
  option("held_out.folds", o.held_out.folds,
         "folds of a cross-validation: each is estimated by a model trained on the others, into OUTPUT with .held_out before the ending; "
         "0: none")
      .range(0, 1000);
  describe(option, o.held_out.pdf);
  option("tune", o.tune.trials, "settings of the algorithms' options that are tried on a held-out quarter; the best is used; 0: none")
      .range(0, 100'000);
  option("tune.by", o.tune.by, "what is least for the best: cde (the CDE loss of the PDFs) or nmad (of the point estimates)")
      .one_of({"cde", "nmad"});
  describe(option, o.bands);
  describe(option, o.flux);
  describe(option, o.extinction);
  describe(option, o.source);
}

std::string with_word(const std::string& path, const std::string& word) {
  const std::size_t dot = path.rfind('.');
  // A dot in the name of a folder begins no ending.
  const bool has_ending = dot != std::string::npos && path.find('/', dot) == std::string::npos;
  return has_ending ? path.substr(0, dot) + "." + word + path.substr(dot) : path + "." + word + ".h5";
}

namespace {

void add_held_out(const HeldOutOptions& o, TrainPaths& paths) {
  if (o.folds == 1) throw UsageError("held_out.folds = 1 (nothing would be left to train on; at least 2, or 0 for none)");
  if (o.folds == 0) {
    const PdfOptions none = pdf_by_model();
    return refuse_idle_options("--held_out.folds", {{"pdf", o.pdf.kind != none.kind},
                                                    {"pdf.zmin", o.pdf.zmin != none.zmin},
                                                    {"pdf.zmax", o.pdf.zmax != none.zmax},
                                                    {"pdf.bins", o.pdf.bins != none.bins},
                                                    {"pdf.quantiles", o.pdf.quantiles != none.quantiles},
                                                    {"pdf.gaussians", o.pdf.gaussians != none.gaussians},
                                                    {"pdf.bytes", o.pdf.bytes != none.bytes},
                                                    {"pdf.bases", o.pdf.bases != none.bases}});
  }
  // What is wrong with a grid is told before anything is read.
  if (o.pdf.zmin >= 0.0 && o.pdf.zmax > 0.0) (void)resolved_pdf(o.pdf, {});
  for (const std::string& model : paths.models) {
    paths.held_out.push_back(with_word(model, "held_out"));
    if (o.pdf.kind != "none") paths.held_out_pdf.push_back(pdf_path_of(paths.held_out.back()));
  }
}

}  // namespace

namespace {

/// What would do nothing when there are no objects.
void check_without_sample(const TrainOptions& o) {
  const TrainOptions usual;
  const TrainCuts& cuts = o.cuts;
  const bool has_cuts = cuts.z_min != usual.cuts.z_min || cuts.z_max != usual.cuts.z_max || cuts.min_bands != 0 || !cuts.select.empty();
  const bool has_lists = !cuts.mag_min.empty() || !cuts.mag_max.empty() || !cuts.colour_min.empty() || !cuts.colour_max.empty() ||
                         !cuts.error_max.empty() || !cuts.snr_min.empty();
  refuse_idle_options("--sample", {{"redshift", !o.redshift.empty()},
                                   {"id", !o.id.empty()},
                                   {"train.fraction", o.fraction != usual.fraction},
                                   {"train.validation", !o.validation.empty()},
                                   {"train.subset", !o.subset.empty()},
                                   {"reference", !o.reference.empty()},
                                   {"weights", o.weights.method != "none"},
                                   {"held_out.folds", o.held_out.folds != 0},
                                   {"tune", o.tune.trials != 0},
                                   {"cuts", has_cuts || has_lists}});
}

}  // namespace

TrainPaths train_paths(const TrainOptions& o) {
  TrainPaths paths;
  if (o.sample.empty()) check_without_sample(o);
  // All checks of options that hang together are here, before anything is read.
  if (o.algorithms.empty()) throw UsageError("--algorithms names none");
  for (const std::string& name : o.algorithms) {
    if (std::count(o.algorithms.begin(), o.algorithms.end(), name) > 1) throw UsageError("--algorithms names " + name + " twice");
    paths.models.push_back(o.algorithms.size() == 1 ? o.output : with_word(o.output, name));
  }
  const bool has_weights = o.weights.method != "none";
  if (has_weights && o.reference.empty()) throw UsageError("--weights lima needs --reference (the catalogue to resemble)");
  if (!has_weights && !o.weights.sample.empty()) throw UsageError("--weights.sample needs --weights lima");
  if (!has_weights && o.weights.validation) throw UsageError("--weights.validation needs --weights lima");
  if (o.weights.validation && o.fraction >= 1.0) throw UsageError("--weights.validation: no objects are held out (train.fraction = 1)");
  if (!o.weights.coverage.empty() && o.reference.empty()) throw UsageError("--weights.coverage needs --reference");
  if (o.fraction < 1.0 && !o.sample.empty()) paths.validation = o.validation.empty() ? with_word(o.output, "validation") : o.validation;
  // An option that would do nothing is an error: whoever gives it expects something else.
  if (o.fraction >= 1.0) refuse_idle_options("--train.fraction below 1", {{"train.validation", !o.validation.empty()}});
  if (o.reference.empty())
    refuse_idle_options("--reference", {{"reference.magnitude", !o.of_reference.magnitude.empty()},
                                        {"reference.error", !o.of_reference.error.empty()},
                                        {"reference.flux", !o.of_reference.flux.flux.empty()},
                                        {"reference.flux_error", !o.of_reference.flux.flux_error.empty()},
                                        {"reference.flux_zeropoint", !o.of_reference.flux.flux_zeropoint.empty()},
                                        {"reference.ebv", !o.of_reference.extinction.column.empty()},
                                        {"reference.corrections", o.of_reference.corrections != corrections_as_model},
                                        {"weights.space", !o.weights.space.empty()},
                                        {"weights.neighbours", o.weights.neighbours != TrainWeights{}.neighbours}});
  if (o.tune.trials == 0) refuse_idle_options("--tune", {{"tune.by", o.tune.by != TuneOptions{}.by}});
  if (o.weights.sample.empty()) refuse_idle_options("--weights.sample", {{"weights.target", o.weights.target != TrainWeights{}.target}});
  // The weights are kept in the table of training objects, so with weights it is always written.
  paths.subset = o.subset.empty() && has_weights ? with_word(o.output, "training") : o.subset;
  paths.coverage = o.weights.coverage.empty() && has_weights ? with_word(o.output, "coverage") : o.weights.coverage;
  paths.weighted_sample = o.weights.sample;
  add_held_out(o.held_out, paths);
  return paths;
}

}  // namespace skyfold
