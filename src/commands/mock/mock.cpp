// The command mock: a synthetic survey or star catalogue, and a spectroscopic sample of it.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>

#include "map.hpp"
#include "nights.hpp"
#include "photometry.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/catalogue/zone_hashes.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/kernels/mock/spectroscopy.hpp"
#include "skyfold/kernels/mock/stars.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/run.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

struct MockStageOptions {
  std::string output, kind = "survey";
  MockOptions mock;
  PhotometryMockOptions photometry;  ///< for kind photometry
  MapMockOptions map;                ///< for kind map
  NightMockOptions nights;           ///< for kind nights
};

/// The training sample's path beside the catalogue's: CAT.h5 -> CAT.spec.h5.
std::string spectroscopic_path(const std::string& output) { return path_beside(output, "spec"); }

/// Makes rows of a mock catalogue, MockSurvey or MockStars, and writes them.
template <class Mock>
class MockWork final : public Work {
 public:
  MockWork(const Mock& mock, const RowProduct& catalogue, int threads) : mock_(mock), threads_(threads), writer_(catalogue) {}
  void read(const Job&, RowRange, int slot, JobResult&) override {
    // A mock has no input: all that there is to do here is to make room.
    if (slots_[slot].columns() == 0) slots_[slot] = Table(Mock::schema());
  }
  void compute(const Job&, RowRange block, int slot) override { mock_.generate(block, slots_[slot], threads_); }
  void write(const Job&, RowRange block, int slot, JobResult& result) override {
    const Table* tables[] = {&slots_[slot]};
    writer_.write(block.begin, tables, result);
    result.rows += block.size();
  }
  void sync() override { writer_.sync(); }
  void mark_failed(RowRange) override {}  // a catalogue with holes is of no use: the run ends with an error
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override {
    return writer_.stored_checksum(block, chained);
  }

 private:
  const Mock& mock_;
  int threads_;
  Slots<Table> slots_;
  ProductWriter writer_;
};

/// One run of mock.
class MockRun {
 public:
  MockRun(const MockStageOptions& o, const CommandContext& context) : o_(o), context_(context), ranks_(*context.ranks) {}

  ExitCode run() {
    if (o_.kind == "stars" && o_.mock.spectroscopic > 0.0)
      throw UsageError("--spectroscopic does not go with --kind stars (stars have no redshifts)");
    run_.emplace(ranks_, context_.options, context_.run,
                 RunSetup{"mock", program_version, o_.output, {o_.output, spectroscopic_path(o_.output)}, {}, &context_.process});
    if (run_->is_complete()) return ExitCode::done;
    if (o_.kind == "stars") {
      ranks_.together([&] { stars_.emplace(o_.mock); });
      make(*stars_, MockStars::order, {"id", "ra", "dec", ""});
    } else {
      ranks_.together([&] { survey_.emplace(o_.mock); });
      make(*survey_, cell_order, {"id", "ra", "dec", "tile"});
    }
    finish_product(ranks_, catalogue_, 0);
    const std::int64_t selected = o_.mock.spectroscopic > 0.0 ? write_spectroscopic() : 0;
    return publish(selected);
  }

 private:
  std::string sample_path() const { return run_->partial(spectroscopic_path(o_.output)); }

  /// @param order  HEALPix order of the cells
  template <class Mock>
  void make(const Mock& mock, int order, const Roles& roles) {
    catalogue_.rows = run_->partial(o_.output);
    catalogue_.layout.schema = Mock::schema();
    catalogue_.layout.rows = mock.rows();
    catalogue_.layout.ordering = Ordering::healpix;
    catalogue_.layout.roles = roles;
    catalogue_.layout.creator = creator_of("mock");
    catalogue_.layout.provenance = provenance_json("mock", context_.options, {});
    // The number of objects is fixed by the seed and the cells, before any of them is made: so the file can be laid out.
    run_->once("catalogue", [&] { create_product(catalogue_, "", [](const auto&) {}); });
    std::vector<Partition> cells;
    for (const auto& cell : mock.cells())
      cells.push_back(
          {std::ssize(cells), fmt::format("order {} pixel {}", order, cell.pixel), cell.rows, static_cast<double>(cell.rows.size())});
    std::shared_ptr<MockWork<Mock>> work;
    ranks_.together([&] { work = std::make_shared<MockWork<Mock>>(mock, catalogue_, context_.threads); });
    TaskInfo task{"mock", "objects"};
    task.must_succeed = true;
    run_->farm(task, cells, work);
  }

  /// Writes the training sample in the catalogue's order, from the catalogue; collective. Returns its rows.
  std::int64_t write_spectroscopic() {
    const PhaseScope scope(ranks_.clock(), Phase::consolidate);
    // From the catalogue on the disk, not while it is made: an attempt that goes on makes the same sample without making rows again.
    const SpectroscopicSelection selection(*survey_, o_.mock.spectroscopic);
    std::optional<RowReader> catalogue;
    ranks_.together([&] { catalogue.emplace(catalogue_.rows, "/object", ZoneCheck::off); });
    std::map<std::size_t, Table> mine;  // by zone
    const auto count = static_cast<std::size_t>((survey_->rows() + zone_rows - 1) / zone_rows);
    // Counts first, rows after: only then each zone's place in the sample is known.
    const auto counts = ranks_.run_units(count, [&](std::size_t zone) {
      const std::int64_t begin = static_cast<std::int64_t>(zone) * zone_rows;
      Table objects(MockSurvey::schema());
      catalogue->read({begin, std::min(begin + zone_rows, survey_->rows())}, objects);
      const Table& sample = mine[zone] = gather(objects, selection.selected(objects));
      return std::to_string(sample.rows());
    });
    std::vector<std::int64_t> first_row = {0};
    for (const std::string& rows : counts) first_row.push_back(first_row.back() + std::stoll(rows));
    // No sample rather than an empty one, which no command could train on.
    if (first_row.back() == 0) return 0;
    ranks_.on_first_only([&] {
      create_columns(sample_path(), {{"/object", MockSurvey::schema(), first_row.back()}}, {{"creator", creator_of("mock")}});
    });
    ranks_.together([&] {
      RowWriter writer(sample_path());
      for (const auto& [zone, sample] : mine)
        // Each rank writes the zones that it selected from: they are still in its memory.
        if (sample.rows() > 0) writer.write(first_row[zone], sample);
      writer.sync();
    });
    add_zone_hashes(ranks_, sample_path(), "/object", false);
    return first_row.back();
  }

  ExitCode publish(std::int64_t selected) {
    std::vector<std::string> paths = {o_.output};
    if (selected > 0) paths.push_back(spectroscopic_path(o_.output));
    run_->publish(paths);
    if (ranks_.is_first() && selected == 0 && o_.mock.spectroscopic > 0.0)
      log_warning(fmt::format("no training sample: none of {} objects was selected", grouped(survey_->rows())));
    return run_->finish(context_.threads, selected > 0 ? fmt::format("{} objects with spectroscopic redshift\n", grouped(selected)) : "");
  }

  const MockStageOptions& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  std::optional<Run> run_;
  std::optional<MockSurvey> survey_;
  std::optional<MockStars> stars_;
  RowProduct catalogue_;
};

class MockCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("output", options_.output, "catalogue to make, HDF5; the training sample of CAT.h5 is CAT.spec.h5; for kind nights a folder")
        .required()
        .layout();
    option(
        "kind", options_.kind,
        "survey: galaxies and stars as DES sees them; stars: point sources as SDSS sees them; photometry: a galaxy measured star by star, "
        "with light curves; map: sources on a HEALPix map; nights: FITS files of an infrared camera")
        .one_of({"survey", "stars", "photometry", "map", "nights"});
    skyfold::describe(option, options_.mock);
    skyfold::describe(option, options_.photometry);
    skyfold::describe(option, options_.map);
    skyfold::describe(option, options_.nights);
  }
  ExitCode run(const CommandContext& context) override {
    if (options_.kind == "nights") return run_nights(context);
    // The option has two kinds of file, which its description cannot know.
    check_ending("output", options_.output, options_.kind == "map" ? FileKind::fits : FileKind::hdf5);
    if (options_.kind == "photometry") {
      if (options_.mock.spectroscopic > 0.0)
        throw UsageError("--spectroscopic does not go with --kind photometry (stars have no redshifts)");
      return run_photometry_mock(options_.mock, options_.photometry, options_.output, context);
    }
    if (options_.kind != "map") return MockRun(options_, context).run();
    // Options of all kinds are in one list; one that has no part in this kind would be ignored in silence.
    if (context.options.changed("objects")) throw UsageError("--objects does not go with --kind map (use --map.sources)");
    options_.map.seed = options_.mock.seed;
    return run_map_mock(options_.map, options_.output, context);
  }

 private:
  ExitCode run_nights(const CommandContext& context) {
    for (const char* option : {"objects", "spectroscopic"})
      if (context.options.changed(option))
        throw UsageError(fmt::format("--{} does not go with --kind nights (use --nights and --night.detections)", option));
    options_.nights.seed = options_.mock.seed;
    return run_night_mock(options_.nights, options_.output, context);
  }

  MockStageOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_mock_command() { return std::make_unique<MockCommand>(); }

}  // namespace skyfold
