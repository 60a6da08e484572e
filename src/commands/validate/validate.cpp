// validate: how good photometric redshifts are, judged with objects whose redshifts are known. Sample, estimates, metrics with
// bootstrap errors, product; with --vet the exit code says whether the limits are kept.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>

#include "measure.hpp"
#include "product.hpp"
#include "report.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/correction_record.hpp"
#include "skyfold/dataset/survey_preset.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {
namespace {

/// Names of the models as the product has them: a file's name, with a number behind it where two have the same.
void make_names_unique(std::vector<Estimates>& models) {
  for (std::size_t k = 1; k < models.size(); ++k) {
    const std::string stem = models[k].name;
    const auto is_taken = [&] {
      return std::any_of(models.begin(), models.begin() + static_cast<std::ptrdiff_t>(k),
                         [&](const Estimates& e) { return e.name == models[k].name; });
    };
    // Counted on until it is free: another file may really be called model-2.
    for (int number = 2; is_taken(); ++number) models[k].name = fmt::format("{}-{}", stem, number);
  }
}

/// What an earlier run found.
bool limits_are_met(const std::string& product) {
  const Attributes attributes = read_attributes(product);
  const auto found = attributes.find("limits_passed");
  return found == attributes.end() || found->second != "no";
}

/// One run of validate.
class ValidateRun {
 public:
  ValidateRun(ValidateOptions& o, const CommandContext& context) : o_(o), context_(context), ranks_(*context.ranks) {}

  ExitCode run() {
    for (std::vector<std::string>* paths : {&o_.models, &o_.estimates}) *paths = whole_names(*paths);
    check(o_);
    ranks_.together([&] { take_preset(); });
    run_.emplace(
        ranks_, context_.options, context_.run,
        RunSetup{"validate", program_version, o_.output, product_paths(), input_paths(), &context_.process, optional_paths(o_.json)});
    // Only the first rank reads the product; all must leave with the same code.
    if (run_->is_complete()) return verdict(ranks_.on_first([&] { return std::string(limits_are_met(o_.output) ? "yes" : ""); }) == "yes");
    try {
      prepare();
      estimate();
      const Validation validation = measure(o_, sample_, models_, passes());
      return publish({o_, sample_, models_, validation});
    } catch (const Error& error) {
      if (error.code() == ExitCode::data || error.code() == ExitCode::usage) run_->discard();  // nothing can go on from it
      throw;
    }
  }

 private:
  void take_preset() {
    const TakenSurvey taken = take_survey(o_.survey, o_.bands);
    preset_ = taken.path;
    // Who is in the sample has been decided when it was made.
    if (!trim(taken.where).empty())
      log_info(fmt::format("the condition '{}' of {} is not applied: the sample is measured as it is", taken.where, preset_));
  }

  static std::vector<std::string> optional_paths(const std::string& path) {
    return path.empty() ? std::vector<std::string>() : std::vector<std::string>{path};
  }
  std::vector<std::string> product_paths() const {
    std::vector<std::string> paths = {o_.output};
    if (!o_.json.empty()) paths.push_back(o_.json);
    return paths;
  }

  std::vector<std::string> input_paths() const {
    std::vector<std::string> paths = input_files(o_.sample);
    for (const auto* more : {&o_.models, &o_.estimates}) paths.insert(paths.end(), more->begin(), more->end());
    for (const std::string& path : files_of(o_.bands)) paths.push_back(path);
    if (!preset_.empty()) paths.push_back(preset_);
    return paths;
  }

  /// Reads models and sample, on every rank.
  void prepare() {
    ranks_.together([&] {
      // Models are read and checked before the rows of the sample, which take longest: a wrong model is told at once.
      const Schema schema = sample_schema(o_);
      ready_ = read_models(o_);
      make_kernels(o_, ready_);
      sample_ = ready_.empty() ? sample_columns(o_, schema, nullptr, {})
                               : sample_columns(o_, schema, &ready_.front().model, ready_.front().corrections.record().scale);
      if (!o_.estimates.empty() && sample_.id.empty())
        throw UsageError(sample_.paths.front() + ": no column of ids found, which --estimates are joined by (name it with --id)");
      std::vector<std::string> needed;
      for (const ReadyModel& model : ready_)
        for (const auto& names : {model.kernel->needs(), model.corrections.needs()})
          for (const std::string& name : names)
            if (std::find(needed.begin(), needed.end(), name) == needed.end()) needed.push_back(name);
      read_sample(o_, needed, sample_);
      check_tiles();
      correct_bins();
    });
  }

  /// Before the first pass: an error of the data in the middle of one would be a failed job.
  void check_tiles() const {
    for (const ReadyModel& model : ready_) (void)model.corrections.look_up(sample_.photometry);
  }

  /// Bins of magnitude are those of the magnitudes that the first model sees.
  void correct_bins() {
    if (ready_.empty() || ready_.front().corrections.is_empty() || !sample_.photometry.find(sample_.magnitude)) return;
    Table corrected = sample_.photometry;
    ready_.front().corrections.apply(corrected);
    const Column& column = corrected.at(sample_.magnitude);
    for (std::size_t i = 0; i < sample_.magnitudes.size(); ++i) {
      const double magnitude = column.number(i);
      sample_.magnitudes[i] =
          std::abs(magnitude) <= 90.0 ? magnitude : std::numeric_limits<double>::quiet_NaN();  // sentinels, as everywhere
    }
  }

  ValidatePasses passes() { return {*run_, ranks_, context_.threads}; }

  void estimate() {
    for (const ReadyModel& model : ready_) models_.push_back(estimate_sample(o_, model, sample_, passes(), models_.size()));
    for (const std::string& path : o_.estimates) models_.push_back(read_estimates(o_, path, sample_, passes(), models_.size()));
    make_names_unique(models_);
    for (const Estimates& e : models_)
      if (e.in_training > 0)
        log_warning(
            fmt::format("{}: {} objects of the sample trained this model, so its metrics are too good", e.path, grouped(e.in_training)));
  }

  ExitCode publish(const ValidationResult& result) {
    ranks_.on_first_only([&] {
      const PhaseScope scope(ranks_.clock(), Phase::consolidate);
      std::vector<std::pair<std::string, std::string>> inputs;
      for (const std::string& path : input_paths()) inputs.emplace_back(path, file_identity(path));
      // Under their temporary names; publish() renames all products together.
      write_validation(run_->partial(o_.output), result, provenance_json("validate", context_.options, inputs));
      if (!o_.json.empty()) write_durably(run_->partial(o_.json), validation_json(result));
    });
    run_->publish(product_paths());
    std::string lines;
    if (ranks_.is_first()) {
      for (const std::string& path : product_paths())
        context_.process.product(path, product_class::photoz_validation, std::ssize(result.validation.whole));
      report_validation(result, context_.process);
      lines = validation_summary(result);
    }
    (void)run_->finish(context_.threads, lines);  // no unit may fail
    return verdict(result.validation.passes());
  }

  ExitCode verdict(bool passes) const { return o_.vet && !passes ? ExitCode::incomplete : ExitCode::done; }

  ValidateOptions& o_;
  std::string preset_;  ///< file of the survey's preset
  const CommandContext& context_;
  Ranks& ranks_;
  std::optional<Run> run_;
  std::vector<ReadyModel> ready_;
  ValidationSample sample_;
  std::vector<Estimates> models_;
};

class ValidateCommand final : public Command {
 public:
  void describe(OptionSet& option) override { skyfold::describe(option, options_); }
  ExitCode run(const CommandContext& context) override { return ValidateRun(options_, context).run(); }

 private:
  ValidateOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_validate_command() { return std::make_unique<ValidateCommand>(); }

}  // namespace skyfold
