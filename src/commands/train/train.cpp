// train: models of photometric redshifts from objects whose redshifts are known. Sample, cuts, split, comparison with a reference,
// training of each algorithm on the same objects; the file of a model says all that photoz needs to use it.
#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "fold_training.hpp"
#include "options.hpp"
#include "rank_tasks.hpp"
#include "reference.hpp"
#include "report.hpp"
#include "sample.hpp"
#include "search.hpp"
#include "shared_set.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/failure.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/correction_record.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/photoz/calibration.hpp"
#include "skyfold/kernels/photoz/held_out.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "subsets.hpp"

namespace skyfold {
namespace {

constexpr const char* tasks_name = "tasks";  // folder of the parts

using Algorithms = std::vector<std::unique_ptr<PhotozAlgorithm>>;

/// Hash of what a model learned from: ids, redshifts, photometry and weights, whatever files they came from.
std::string hash_of(const TrainingSet& set) {
  std::uint64_t hash = hash_bytes(std::as_bytes(std::span(set.id)));
  // Each vector on its own, since a structure would have padding in it; the seed of one is the hash of those before.
  hash = hash_bytes(std::as_bytes(std::span(set.z)), hash);
  hash = hash_bytes(std::as_bytes(std::span(set.photometry.mag)), hash);
  hash = hash_bytes(std::as_bytes(std::span(set.photometry.mag_err)), hash);
  hash = hash_bytes(std::as_bytes(std::span(set.photometry.observed)), hash);
  return hex64(hash_bytes(std::as_bytes(std::span(set.weight)), hash));
}

/// Reads the sample, cuts it, splits it, compares it with the reference, trains, writes. All but the training is done by rank 0.
class Training {
 public:
  Training(TrainOptions& o, const Algorithms& algorithms, const CommandContext& context)
      : o_(o), algorithms_(algorithms), context_(context), paths_(train_paths(o)) {}

  void run() {
    try {
      on_first([&] { prepare(); });
      if (context_.ranks) {
        share_training(*context_.ranks, o_, set_, key_);
        share_texts(*context_.ranks, algorithm_files_);
        // The first rank has done so, before the run folder was made.
        if (!context_.ranks->is_first()) read_files([&](const std::string& path) { return algorithm_files_.at(path); });
      }
      set_.threads = context_.threads;
      train_on_all();
      on_first([&] {
        write();
        report();
      });
    } catch (...) {
      // After a stop, or once there is room on the disk again, what is done need not be repeated; wrong data are other data next time.
      const ExitCode code = current_failure().code;
      if (folder_) folder_->keep(code == ExitCode::io || code == ExitCode::stopped);
      throw;
    }
  }

 private:
  void on_first(const std::function<void()>& task) const {
    if (!context_.ranks) return task();
    context_.ranks->on_first_only([&] { stoppable(task); });
  }

  /// What is wrong with the sample is found before the run folder is made.
  void prepare() {
    check_tune(o_, context_.options);
    o_.preset = take_survey(o_.survey, o_.bands, o_.flux, o_.extinction);
    check_sample();
    check_files();
    sample_ = o_.sample.empty() ? without_objects(o_) : read_sample(o_);
    if (!o_.sample.empty()) subsets_ = make_subsets(sample_, o_);
    if (o_.bands.limits.empty() && !o_.sample.empty()) o_.bands.limits = limits_of(sample_, subsets_.training, o_);
    set_ = training_set(sample_, subsets_.training, o_.bands.limits);
    set_.seed = static_cast<std::uint64_t>(o_.seed);
    read_files([&](const std::string& path) {
      check_outputs(product_paths(), {path});
      context_.process.input(path);
      return algorithm_files_[path] = read_file(path);
    });
    folder_.emplace(o_.output, product_paths());
    // Parts of another training are of no use to this one, which their kinds tell.
    folder_->clear(!context_.run.fresh);
    folder_->make_parts(tasks_name, false);
    provenance_ = provenance_json("train", context_.options, inputs());
    // Weights come from the comparison, so it precedes training.
    if (!o_.reference.empty()) compare();
    key_ = hash_text(configuration([](const std::string& name) { return name.starts_with("bands") || name == "seed"; }) + hash_of(set_) +
                     program_version + (set_.has_flux_errors ? " errors of fluxes" : ""));
    for (const auto& [path, text] : algorithm_files_) key_ = hash_text(text, key_);
  }

  void check_sample() const {
    for (const std::string& name : o_.algorithms)
      if (o_.sample.empty() && named(name).needs_sample())
        throw UsageError(fmt::format("--sample is missing (with these options {} learns from objects with known redshift)", name));
  }

  std::vector<std::string> input_paths() const {
    std::vector<std::string> paths;
    if (!o_.sample.empty()) paths = input_files(o_.sample);
    if (!o_.reference.empty())
      for (const std::string& path : input_files(o_.reference)) paths.push_back(path);
    for (const std::string& path : files_of(o_.of_reference)) paths.push_back(path);
    for (const std::string& path : {o_.extinction.map, o_.preset.path})
      if (!path.empty()) paths.push_back(path);
    return paths;
  }

  /// Templates, filters: whatever the options of the algorithms name.
  void read_files(const ReadText& read) const {
    for (const std::string& name : o_.algorithms) named(name).read_files(o_.bands.bands, read);
  }

  PhotozAlgorithm& named(const std::string& name) const {
    return **std::find_if(algorithms_.begin(), algorithms_.end(), [&](const auto& a) { return a->name() == name; });
  }

  std::vector<std::pair<std::string, std::string>> inputs() const {
    std::vector<std::pair<std::string, std::string>> identities;
    for (const auto& [path, text] : algorithm_files_) identities.emplace_back(path, file_identity(path));
    for (const std::string& path : input_paths()) identities.emplace_back(path, file_identity(path));
    return identities;
  }

  std::vector<std::string> product_paths() const {
    std::vector<std::string> paths = paths_.models;
    for (const std::string& path : {paths_.validation, paths_.subset, paths_.coverage, paths_.weighted_sample})
      if (!path.empty()) paths.push_back(path);
    for (const auto* list : {&paths_.held_out, &paths_.held_out_pdf}) paths.insert(paths.end(), list->begin(), list->end());
    return paths;
  }

  /// The run folder stands beside `output`, which is no product when there are several models.
  void check_files() const {
    const std::vector<std::string> paths = input_paths();
    check_outputs(product_paths(), paths);
    check_run_folder(o_.output);
    // Another command's run on this output would lose its work.
    require_no_unfinished_run(o_.output);
    check_replaceable(product_paths());
    for (const std::string& path : paths) context_.process.input(path);
  }

  /// Parts are of one comparison: their kind tells inputs, options and what the model learns from.
  void compare() {
    const std::string coverage = paths_.coverage.empty() ? "" : folder_->partial(paths_.coverage);
    const std::string kind = "reference " + hex64(hash_text(provenance_ + hash_of(set_) + (coverage.empty() ? "" : " with coverage")));
    folder_->make_parts("reference", false);
    TrainingSet held_out;
    if (o_.weights.validation) held_out = training_set(sample_, subsets_.held_out, o_.bands.limits);
    reference_ =
        compare_with_reference(o_, set_, held_out, described_model(), std::make_shared<Parts>(parts_path(o_.output, "reference"), kind),
                               coverage, provenance_, context_.threads);
    if (o_.weights.method != "none") set_.weight = reference_->weight;
  }

  /// A model with all but what the algorithm adds.
  PhotozModel described_model() const {
    PhotozModel model;
    model.redshift = o_.redshift;
    model.bands = o_.bands;
    if (!set_.z.empty()) {
      const auto [least, greatest] = std::minmax_element(set_.z.begin(), set_.z.end());
      model.z_min = *least;
      model.z_max = *greatest;
    }
    // What was done to bands that the model leaves out does not matter to it. (On other ranks, which write no model, nothing is known.)
    if (CorrectionRecord record = of_bands(sample_.corrections, o_.bands.bands); !record.is_empty() || record.scale.is_set())
      model.corrections = std::move(record);
    return model;
  }

  /// Options that the content depends on. Those of the layout (paths, threads) stay out, so that the same training gives the same record.
  std::string configuration(const std::function<bool(const std::string&)>& counts = [](const std::string&) { return true; }) const {
    std::string text;
    for (const auto& [name, value] : context_.options.answer_options())
      if (counts(name)) text += fmt::format("{} = {}\n", name, value);
    return text;
  }
  /// Of what tasks of this algorithm depend on: not on other algorithms, nor on products beside the model, so that asking for more costs
  /// nothing that is done.
  std::uint64_t key_of(const PhotozAlgorithm& algorithm) const {
    const std::string own = algorithm.name() + ".";
    const std::vector<std::string> members = algorithm.members();
    return hash_text(configuration([&](const std::string& name) {
                       return name.starts_with(own) ||
                              std::ranges::any_of(members, [&](const auto& m) { return name.starts_with(m + "."); });
                     }),
                     hash_text(own, key_));
  }
  std::string cuts() const {
    std::string text;
    for (const auto& [name, value] : context_.options.answer_options())
      if (name.starts_with("cuts.") && !value.empty()) text += fmt::format("{}{} = {}", text.empty() ? "" : "; ", name.substr(5), value);
    return text;
  }

  void train_on_all() {
    // A process that is alone has nothing to finish but this: before, a signal ends it at once.
    if (!context_.ranks) catch_stop_signals();
    const InterruptOnStop interrupt;
    for (const std::string& name : o_.algorithms) stoppable([&] { train(name); });
    check_stop();
    if (!context_.ranks) release_stop_signals();
  }

  void train(const std::string& name) {
    PhotozAlgorithm& given = named(name);
    if (!set_.weight.empty() && !given.uses_weights()) log_info(name + " leaves the weights out");
    const RankTasks::Place place{context_.ranks, context_.threads, parts_path(o_.output, tasks_name)};
    const Tuned tuned = tune(given, place);
    const PhotozAlgorithm& algorithm = tuned.algorithm ? *tuned.algorithm : given;
    PhotozModel model = described_model();
    model.record = {{"configuration", configuration()},
                    {"cuts", cuts()},
                    {"training_hash", hash_of(set_)},
                    {"training_objects", fmt::format("{}", set_.z.size())},
                    {"weights", algorithm.uses_weights() && !set_.weight.empty() ? o_.weights.method : "none"}};
    const double start = now_s();
    if (!tuned.description.empty()) model.record["tuned"] = tuned.description;
    RankTasks tasks(place, name, hash_text(tuned.description, key_of(algorithm)));
    algorithm.train(set_, tasks, model);
    context_.process.fact("training of " + name, fmt::format("{:.2f} s", now_s() - start));
    if (o_.calibrate != "none") calibrate(algorithm, place, tuned.description, model);
    model.held_out.reset();
    if (o_.held_out.folds > 0) estimate_held_out(algorithm, place, tuned.description);
    models_.push_back(std::move(model));
  }

  /// Adds the table of calibration, where it helps, and the record of what it does.
  void calibrate(const PhotozAlgorithm& algorithm, const RankTasks::Place& place, const std::string& tuned, PhotozModel& model) const {
    std::string& text = model.record["calibration"];
    if (set_.z.empty()) {
      text = "not calibrated: a model of options alone (--sample gives objects of known redshift, which show how wide PDFs must be)";
    } else if (set_.z.size() < least_calibrated) {
      text = fmt::format("not calibrated: {} training objects (fewer than {})", set_.z.size(), least_calibrated);
    } else {
      try {
        RankTasks tasks(place, algorithm.name(), hash_text("calibration " + tuned, key_of(algorithm)));
        if (!model.held_out) model.held_out = std::make_shared<HeldOutEstimates>(held_out_pdfs(algorithm, set_, described_model(), tasks));
        const CalibrationReport report = skyfold::calibrate(*model.held_out, model, context_.threads);
        if (report.helps || report.calibration.error_scale > 0.0) model.tables[calibration_table] = report.calibration.table();
        if (report.grid_step > 0.0) {
          Table grid({{"step", Type::f8, 1, "", "src.redshift", "of the grid that PDFs have by default", ""}}, 1);
          grid[0].values<double>()[0] = report.grid_step;
          model.tables[grid_table] = std::move(grid);
        }
        text = report.text;
      } catch (const DataError& error) {
        // Four fifths of a set may be too few for an algorithm that all of it is enough for.
        text = fmt::format("not calibrated: a part of the training set is no training set ({})", error.what());
      }
    }
    log_info(fmt::format("{}: {}", algorithm.name(), text));
  }

  /// An algorithm with the best of the options that were tried; null where none were.
  struct Tuned {
    std::unique_ptr<PhotozAlgorithm> algorithm;
    std::string description;
  };
  Tuned tune(const PhotozAlgorithm& algorithm, const RankTasks::Place& place) const {
    if (o_.tune.trials == 0) return {};
    if (open_ranges(algorithm, context_.options).empty()) {
      log_info(algorithm.name() + " has nothing to search");
      return {};
    }
    RankTasks tasks(place, algorithm.name(), key_of(algorithm));
    const Search search = search_options(algorithm, context_.options, set_, described_model(), o_.tune, tasks);
    const std::string description = describe_search(search);
    log_info(fmt::format("{}: {}", algorithm.name(), description));
    tell_search(search, context_.process);
    return {algorithm_of(algorithm.name(), context_.options, search.ranges, search.trials[search.best]), description};
  }

  void estimate_held_out(const PhotozAlgorithm& algorithm, const RankTasks::Place& place, const std::string& tuned) {
    const HeldOutOptions& o = o_.held_out;
    // One grid for all folds, whatever the range of each.
    const PdfOptions pdf = resolved_pdf(o.pdf, described_model());
    const std::string asked = fmt::format("{} {} {} {} {} {} {} {} {} {}", o.folds, pdf.kind, pdf.zmin, pdf.zmax, pdf.bins, pdf.quantiles,
                                          pdf.gaussians, pdf.bytes, pdf.bases, tuned);
    RankTasks tasks(place, algorithm.name(), hash_text(asked, key_of(algorithm)));
    held_out_.push_back(held_out_estimates(algorithm, set_, described_model(), static_cast<std::size_t>(o.folds), pdf, tasks));
    log_info(fmt::format("{}, {} folds: {}", algorithm.name(), o.folds, quality_of(held_out_.back())));
  }

  void report() {
    const TrainReport report{o_, paths_, sample_, subsets_, models_, reference_ ? &*reference_ : nullptr};
    tell_process(report, context_.process);
    print_summary(report);
  }

  void write() {
    const RunFolder& folder = *folder_;
    const std::string& provenance = provenance_;
    folder.require_lock();
    for (std::size_t i = 0; i < models_.size(); ++i) write_model(folder.partial(paths_.models[i]), models_[i], provenance);
    for (std::size_t i = 0; i < held_out_.size(); ++i)
      write_held_out(folder.partial(paths_.held_out[i]), paths_.held_out_pdf.empty() ? "" : folder.partial(paths_.held_out_pdf[i]),
                     held_out_[i], resolved_pdf(o_.held_out.pdf, described_model()), provenance);
    const auto write_set = [&](const std::string& path, const Table& table) {
      write_columns(folder.partial(path), {{"/object", table}},
                    {{"product_class", product_class::training_set}, {"provenance", provenance}});
      write_corrections(folder.partial(path), sample_.recorded);
      return static_cast<std::int64_t>(table.rows());
    };
    std::vector<std::pair<std::string, std::int64_t>> sets;
    if (!subsets_.held_out.empty()) sets.emplace_back(paths_.validation, write_set(paths_.validation, validation_table()));
    if (!paths_.subset.empty()) sets.emplace_back(paths_.subset, write_set(paths_.subset, training_table()));
    if (!paths_.weighted_sample.empty())
      sets.emplace_back(paths_.weighted_sample,
                        write_set(paths_.weighted_sample, weighted_sample(o_, sample_, subsets_.training, set_.weight)));
    std::vector<std::string> products = paths_.models;
    if (!paths_.coverage.empty()) products.push_back(paths_.coverage);
    for (const auto& [path, rows] : sets) products.push_back(path);
    for (const auto* list : {&paths_.held_out, &paths_.held_out_pdf}) products.insert(products.end(), list->begin(), list->end());
    context_.process.check_inputs();
    publish_products(o_.output, products, false);
    for (const std::string& path : paths_.models)
      context_.process.product(path, product_class::photoz_model, static_cast<std::int64_t>(set_.z.size()));
    for (const auto* list : {&paths_.held_out, &paths_.held_out_pdf})
      for (const std::string& path : *list) context_.process.product(path, "", static_cast<std::int64_t>(set_.z.size()));
    for (const auto& [path, rows] : sets) context_.process.product(path, product_class::training_set, rows);
    if (!paths_.coverage.empty()) context_.process.product(paths_.coverage, "training_coverage", reference_->objects);
  }

  /// The training objects, with their weights.
  Table training_table() const { return weighted_table(subsets_.training, set_.weight); }
  Table validation_table() const {
    return weighted_table(subsets_.held_out, o_.weights.validation ? reference_->held_out_weight : std::vector<double>());
  }
  Table weighted_table(const std::vector<std::size_t>& rows, const std::vector<double>& weights) const {
    Table table = sample_table(sample_, rows, o_);
    if (weights.empty() || table.find("weight")) return table;
    const auto weight =
        table.add({"weight", Type::f8, 1, "", "stat.weight", "weight by the reference catalogue, sum 1", ""}).values<double>();
    std::copy(weights.begin(), weights.end(), weight.begin());
    return table;
  }

  TrainOptions& o_;
  const Algorithms& algorithms_;
  const CommandContext& context_;
  TrainPaths paths_;
  TrainSample sample_;
  TrainSubsets subsets_;
  std::optional<RunFolder> folder_;  ///< this and what is above: rank 0
  std::string provenance_;
  std::map<std::string, std::string> algorithm_files_;  ///< that options of algorithms name: the text by the path
  TrainingSet set_;
  std::uint64_t key_ = 0;  ///< of what the results of tasks depend on, whatever the algorithm
  std::optional<ReferenceResult> reference_;
  std::vector<PhotozModel> models_;
  std::vector<Table> held_out_;  ///< of each model, or none
};

class TrainCommand final : public Command {
 public:
  TrainCommand() {
    for (const std::string& name : photoz_algorithm_names()) algorithms_.push_back(make_photoz_algorithm(name));
    for (const auto& algorithm : algorithms_) algorithm->take_members(algorithms_);
  }

  void describe(OptionSet& option) override {
    skyfold::describe(option, options_);
    for (const auto& algorithm : algorithms_) algorithm->describe(option);
  }

  ExitCode run(const CommandContext& context) override {
    Training(options_, algorithms_, context).run();
    return ExitCode::done;
  }

 private:
  TrainOptions options_;
  Algorithms algorithms_;
};

}  // namespace

std::unique_ptr<Command> make_train_command() { return std::make_unique<TrainCommand>(); }

}  // namespace skyfold
