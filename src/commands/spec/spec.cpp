// spec: one spectroscopic sample from many redshift surveys. Each has a registration file that says where it keeps what (survey.hpp);
// the surveys are read one after the other, and their measurements grouped and resolved together (sample.hpp).
#include <fmt/core.h>
#include <malloc.h>

#include <algorithm>

#include "report.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

/// Class of the table of --members.
constexpr const char* members_class = "spectroscopic_members";

struct SpecOptions {
  std::vector<std::string> surveys;
  std::string output, members;
  std::string on_bad_row = "error";
  SampleOptions sample;
};

void describe_spec(OptionSet& option, SpecOptions& o) {
  option("surveys", o.surveys, "registration files of the surveys, INI").required().layout();
  option("output", o.output, "spectroscopic sample to make, HDF5").required().layout().writes(FileKind::hdf5);
  option("members", o.members, "table of all measurements with the objects they belong to, HDF5; empty: none")
      .layout()
      .writes(FileKind::hdf5);
  option("on-bad-row", o.on_bad_row, "rows of good quality without valid position or redshift: stop, or leave them out")
      .one_of({"error", "drop"});
  describe(option, o.sample);
}

/// Lets the large arrays of one step reuse the memory of those before, instead of new pages from the system for each, which
/// would take a quarter of the time.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

/// One run of spec.
class SpecRun {
 public:
  SpecRun(const SpecOptions& o, const CommandContext& context) : o_(o), context_(context) {}

  void run() {
    keep_freed_memory();
    surveys_ = read_surveys(whole_names(o_.surveys));
    check_outputs(products(), inputs());
    check_run_folder(o_.output);
    // spec does not resume, it takes seconds; but the work of another command under this name must not be thrown away unasked.
    require_no_unfinished_run(o_.output);
    check_replaceable(products());
    // Watched from before they are read: registrations decide the sample as much as tables do.
    for (const std::string& path : inputs()) context_.process.input(path);
    read();
    const Sample sample = make_sample(surveys_, all_rows(), o_.sample, !o_.members.empty(), context_.threads);
    write(sample);
    fmt::print("{}", describe_sample(surveys_, rows_, sample, o_.sample));
    fmt::print("wrote {}: {} objects\n", join(products(), ", "), grouped(sample.report.objects));
  }

 private:
  std::vector<std::string> products() const {
    std::vector<std::string> paths = {o_.output};
    if (!o_.members.empty()) paths.push_back(o_.members);
    return paths;
  }

  std::vector<std::string> inputs() const {
    std::vector<std::string> paths;
    for (const Survey& survey : surveys_) {
      paths.push_back(survey.registration);
      paths.insert(paths.end(), survey.files.begin(), survey.files.end());
    }
    return paths;
  }

  void read() {
    Progress progress("spec", std::ssize(surveys_), "surveys");
    std::int64_t accepted = 0;
    for (const Survey& survey : surveys_) {
      rows_.push_back(
          read_rows(survey, static_cast<std::uint32_t>(rows_.size()), static_cast<int>(o_.sample.quality_min), o_.on_bad_row == "drop"));
      for (const std::string& drop : rows_.back().drops) log_warning(drop + " (left out)");
      if (rows_.back().dropped > std::ssize(rows_.back().drops))
        log_warning(fmt::format("{}: {} bad rows in all are left out", survey.name, grouped(rows_.back().dropped)));
      accepted += rows_.back().after_quality;
      progress.update(std::ssize(rows_));
    }
    progress.finish();
    if (accepted == 0)
      throw DataError(fmt::format("{}: no redshift of quality {} or better in any survey", o_.surveys.front(), o_.sample.quality_min));
    // Groups number their members with 32 bits.
    if (accepted >= (std::int64_t{1} << 32)) throw UsageError(fmt::format("{} measurements (at most 2^32)", grouped(accepted)));
  }

  std::vector<SurveyRow> all_rows() {
    std::vector<SurveyRow> all = std::move(rows_.front().accepted);
    for (SurveyRows& survey : rows_) {
      if (&survey != &rows_.front()) all.insert(all.end(), survey.accepted.begin(), survey.accepted.end());
      // Given back at once: the measurements would be there twice.
      survey.accepted = {};
    }
    return all;
  }

  std::string surveys_json() const {
    std::vector<std::string> parts;
    for (const Survey& survey : surveys_) parts.push_back(survey_json(survey));
    return "[" + join(parts, ",") + "]";
  }

  void write(const Sample& sample) {
    RunFolder folder(o_.output, products());
    folder.clear();
    std::vector<std::pair<std::string, std::string>> identities;
    for (const std::string& path : inputs()) identities.emplace_back(path, file_identity(path));
    Attributes attributes = {{"product_class", product_class::spectroscopic_sample},
                             {"creator", creator_of("spec")},
                             {"provenance", provenance_json("spec", context_.options, identities)},
                             {"surveys", surveys_json()}};
    write_columns(folder.partial(o_.output), {{"/object", sample.objects}}, attributes);
    attributes["product_class"] = members_class;
    if (!o_.members.empty()) write_columns(folder.partial(o_.members), {{"/object", sample.members}}, attributes);
    context_.process.check_inputs();
    publish_products(o_.output, products(), false);
    context_.process.product(o_.output, product_class::spectroscopic_sample, sample.report.objects);
    if (!o_.members.empty()) context_.process.product(o_.members, members_class, sample.report.measurements);
    log_sample(context_.process, surveys_, rows_, sample, o_.sample);
  }

  const SpecOptions& o_;
  const CommandContext& context_;
  std::vector<Survey> surveys_;   ///< in the order of priority
  std::vector<SurveyRows> rows_;  ///< of each
};

class SpecCommand final : public Command {
 public:
  void describe(OptionSet& option) override { describe_spec(option, options_); }
  ExitCode run(const CommandContext& context) override {
    SpecRun(options_, context).run();
    return ExitCode::done;
  }

 private:
  SpecOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_spec_command() { return std::make_unique<SpecCommand>(); }

}  // namespace skyfold
