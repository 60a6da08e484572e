#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/mock/spectroscopy.hpp"
#include "skyfold/products/report.hpp"
#include "skyfold/products/run_folder.hpp"
#include "skyfold/stages/provenance.hpp"
#include "skyfold/stages/stage.hpp"

namespace skyfold {
namespace {

struct MockStageOptions {
  std::string output;
  MockOptions mock;
  FarmOptions farm;
};

/// The training sample's path beside the catalogue's: CAT.h5 -> CAT.spec.h5.
std::string spectroscopic_path(const std::string& output) {
  std::filesystem::path path(output);
  const std::string extension = path.extension().string();
  return path.replace_extension(".spec" + (extension.empty() ? std::string(".h5") : extension)).string();
}

/// Makes rows of the survey and writes them to the catalogue.
class MockWork final : public Work {
 public:
  MockWork(const MockSurvey& survey, const std::string& path, int threads)
      : survey_(survey), threads_(threads), writer_(path) {
    for (Table& slot : slots_) slot = Table(MockSurvey::schema());
  }
  void read(const Job&, RowRange, int, JobResult&) override {}
  void compute(const Job&, RowRange block, int slot) override {
    survey_.generate(block, slots_[static_cast<std::size_t>(slot)], threads_);
  }
  void write(const Job&, RowRange block, int slot, JobResult& result) override {
    const Table& rows = slots_[static_cast<std::size_t>(slot)];
    for (std::size_t i = 0; i < rows.columns(); ++i) result.checksum = hash_bytes(rows[i].bytes(), result.checksum);
    result.bytes_written += writer_.write(block.begin, rows);
    result.rows += block.size();
  }
  void job_written(const Job&) override { writer_.sync(); }
  void mark_failed(RowRange) override {}  // a catalogue with holes is of no use: the run ends with an error

 private:
  const MockSurvey& survey_;
  int threads_;
  std::array<Table, 2> slots_;
  RowWriter writer_;
};

/// Copies rows of `from` to a new table of the same columns.
Table rows_of(const Table& from, const std::vector<std::size_t>& rows) {
  Table to(from.schema(), rows.size());
  for (std::size_t c = 0; c < from.columns(); ++c) {
    const std::size_t width = from[c].info().bytes_per_row();
    const std::byte* source = from[c].bytes().data();
    std::byte* destination = to[c].bytes().data();
    for (const std::size_t row : rows) destination = std::copy_n(source + row * width, width, destination);
  }
  return to;
}

/// One run of mock.
class MockRun {
 public:
  MockRun(const MockStageOptions& o, const StageContext& context) : o_(o), context_(context), ranks_(*context.ranks) {}

  ExitCode run() {
    ranks_.on_first_only([&] { check_outputs({o_.output, spectroscopic_path(o_.output)}, {}); });
    ranks_.together([&] { survey_.emplace(o_.mock); });
    create();
    const FarmReport report = make();
    ranks_.on_first_only([&] { check_complete(report); });
    finalise_catalogue(ranks_, catalogue_path());
    const std::int64_t selected = o_.mock.spectroscopic > 0.0 ? write_spectroscopic() : 0;
    publish(report, selected);
    return ExitCode::done;
  }

 private:
  std::string catalogue_path() const { return partial_path(o_.output, o_.output); }
  std::string sample_path() const { return partial_path(o_.output, spectroscopic_path(o_.output)); }

  void create() {
    CatalogueLayout layout;
    layout.schema = MockSurvey::schema();
    layout.rows = survey_->rows();
    layout.ordering = Ordering::healpix;
    layout.roles = {"id", "ra", "dec", "tile"};
    layout.creator = creator_of("mock");
    layout.provenance = provenance_json("mock", context_.options, {});
    ranks_.on_first_only([&] {
      folder_.emplace(o_.output, context_.options.ini(false));
      create_catalogue(catalogue_path(), layout);
    });
  }

  FarmReport make() {
    std::vector<Partition> cells;
    std::vector<Job> jobs;
    if (ranks_.is_first()) {
      for (const MockCell& cell : survey_->cells())
        cells.push_back({std::ssize(cells), fmt::format("order {} pixel {}", cell_order, cell.pixel), cell.rows,
                         static_cast<double>(cell.rows.size())});
      jobs = build_jobs(cells, {"auto", worker_count(o_.farm, ranks_.size())});
    }
    std::optional<MockWork> work;
    ranks_.together([&] { work.emplace(*survey_, catalogue_path(), context_.threads); });
    std::optional<RunLog> log;
    ranks_.together([&] { log.emplace(folder_ ? folder_->path() + "/journal" : "", "mock", survey_->rows(), "objects"); });
    return run_farm(ranks_, std::move(jobs), cells, *work, *log, o_.farm);
  }

  static void check_complete(const FarmReport& report) {
    if (report.failures.empty()) return;
    const JobOutcome& first = report.failures.front();
    throw Error(ExitCode::bug, fmt::format("rows {} to {} could not be made: {}", first.job.rows.begin,
                                           first.job.rows.end, first.message));
  }

  /// Writes the training sample in the catalogue's order, from the catalogue; collective. Returns its rows.
  std::int64_t write_spectroscopic() {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    const SpectroscopicSelection selection(*survey_, o_.mock.spectroscopic);
    const RowReader catalogue(catalogue_path());
    std::map<std::size_t, Table> mine;  // by zone
    const auto count = static_cast<std::size_t>((survey_->rows() + zone_rows - 1) / zone_rows);
    const auto counts = ranks_.run_units(count, [&](std::size_t zone) {
      const std::int64_t begin = static_cast<std::int64_t>(zone) * zone_rows;
      Table objects(MockSurvey::schema());
      catalogue.read({begin, std::min(begin + zone_rows, survey_->rows())}, objects);
      const Table& sample = mine[zone] = rows_of(objects, selection.selected(objects));
      return std::to_string(sample.rows());
    });
    std::vector<std::int64_t> first_row = {0};
    for (const std::string& rows : counts) first_row.push_back(first_row.back() + std::stoll(rows));
    if (first_row.back() == 0) return 0;
    ranks_.on_first_only([&] {
      create_columns(sample_path(), {{"/object", MockSurvey::schema(), first_row.back()}},
                     {{"creator", creator_of("mock")}});
    });
    ranks_.together([&] {
      RowWriter writer(sample_path());
      for (const auto& [zone, sample] : mine)
        if (sample.rows() > 0) writer.write(first_row[zone], sample);
      writer.sync();
    });
    return first_row.back();
  }

  void publish(const FarmReport& report, std::int64_t selected) {
    ranks_.on_first_only([&] {
      const PhaseScope scope(ranks_.clock(), Phase::consolidate);
      std::vector<std::string> paths = {o_.output};
      if (selected > 0) paths.push_back(spectroscopic_path(o_.output));
      folder_->publish(paths);
      folder_.reset();
    });
    const std::string summary = run_summary(ranks_, report, context_.threads, "objects");
    if (!ranks_.is_first()) return;
    fmt::print("{}\nwrote {}\n", summary, o_.output);
    if (selected > 0)
      fmt::print("wrote {}: {} objects with spectroscopic redshift\n", spectroscopic_path(o_.output),
                 grouped(selected));
    else if (o_.mock.spectroscopic > 0.0)
      log_warning(fmt::format("no training sample: none of {} objects was selected", grouped(survey_->rows())));
  }

  const MockStageOptions& o_;
  const StageContext& context_;
  const Ranks& ranks_;
  std::optional<MockSurvey> survey_;
  std::optional<RunFolder> folder_;  ///< rank 0
};

class MockStage final : public Stage {
 public:
  void describe(OptionSet& option) override {
    option("output", options_.output, "catalogue to make, HDF5; the training sample of CAT.h5 is CAT.spec.h5")
        .required().layout();
    skyfold::describe(option, options_.mock);
    skyfold::describe(option, options_.farm);
  }
  ExitCode run(const StageContext& context) override { return MockRun(options_, context).run(); }

 private:
  MockStageOptions options_;
};

}  // namespace

std::unique_ptr<Stage> make_mock_stage() { return std::make_unique<MockStage>(); }

}  // namespace skyfold
