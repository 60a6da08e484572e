// The command curate merge: rank 0 finds which detections are of one object, then import makes the catalogue on all ranks.
#include <fmt/core.h>

#include <filesystem>
#include <optional>

#include "archive.hpp"
#include "merging.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/commands/table_import.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/lock.hpp"

namespace skyfold {

void describe(OptionSet& option, MergeOptions& o) {
  option("merge.radius", o.radius, "detections of different detectors or exposures are of one object within this distance")
      .unit("arcsec")
      .range(1e-3, 3600);
  option("merge.size", o.size, "side of a detector; 0: as images of the nights say").unit("pixels").range(0, 1e6);
  option("merge.edge", o.edge, "detections nearer to an edge of their detector have quality bit 1").unit("pixels").range(0, 1e6);
  option("merge.confidence", o.confidence, "detections with less average confidence have quality bit 4").unit("percent").range(0, 1e6);
  option("merge.filter", o.filter, "column of the table multiframe with the filter");
  option("merge.time", o.time, "column of the table multiframe with the time");
}

namespace {

namespace fs = std::filesystem;

class CurateMergeCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    skyfold::describe(option, archive_);
    option("output", output_, "catalogue to write, HDF5").required().layout().writes(FileKind::hdf5);
    skyfold::describe(option, merge_);
  }

  ExitCode run(const CommandContext& context) override {
    const Ranks& ranks = *context.ranks;
    std::optional<RunLock> lock;
    const std::string state = ranks.on_first([&] { return prepare(context, lock); });
    if (state == complete) return ExitCode::done;
    // What an earlier attempt has made of other tables is worth nothing.
    RunOptions run = context.run;
    run.fresh = state[0] == 'n';
    const CommandContext inner{context.options, context.ranks, context.threads, run, context.process};
    TableImport objects;
    objects.input.path = sources_path();
    objects.input.ra = "ra";
    objects.input.dec = "dec";
    objects.input.id = "id";
    objects.output = objects_path();
    (void)import_table(objects, inner);
    import_measurements_table({.measurements = detections_path(),
                               .objects = objects_path(),
                               .output = output_,
                               .id = "object_id",
                               .filter = "filter",
                               .time = "mjd",
                               .creator = creator_of("curate merge"),
                               .provenance = state.substr(1)},
                              inner);
    ranks.on_first_only([&] {
      lock.reset();
      remove_scratch();
    });
    return ExitCode::done;
  }

 private:
  static constexpr const char* complete = "complete";

  std::string scratch() const { return output_ + ".merge"; }
  std::string sources_path() const { return scratch() + "/sources.h5"; }
  std::string detections_path() const { return scratch() + "/detections.h5"; }
  std::string objects_path() const { return scratch() + "/objects.h5"; }
  std::string made_path() const { return scratch() + "/made"; }

  void remove_scratch() const {
    std::error_code error;
    fs::remove_all(scratch(), error);
    if (error) log_warning(fmt::format("{}: cannot be removed ({})", scratch(), error.message()));
  }

  /// What the result depends on: the archive's detections, by their hashes, and the options.
  static std::string provenance_of(const Archive& archive, const OptionSet& options) {
    std::vector<std::pair<std::string, std::string>> files;
    for (const SqlRow& row : archive.sql().run("SELECT path, hash FROM detection_file ORDER BY path"))
      files.emplace_back(sql_text(row[0]), sql_text(row[1]));
    return provenance_json("curate merge", options, files);
  }

  /// Makes the tables that import reads, where no earlier attempt has; "complete", or how import begins (n: anew, o: where it was) and
  /// the provenance.
  std::string prepare(const CommandContext& context, std::optional<RunLock>& lock) const {
    const Archive archive(archive_);
    const std::string provenance = provenance_of(archive, context.options);
    if (fs::exists(output_) && !context.run.fresh) {
      if (is_catalogue(output_) && Catalogue(output_).layout().provenance == provenance) {
        if (fs::exists(scratch())) remove_scratch();
        context.process.found(output_);
        log_info(fmt::format("{}: is there already, made of the same detections", output_));
        return complete;
      }
      throw UsageError(fmt::format("{}: is there, made of other detections or with other options (--fresh makes it anew)", output_));
    }
    for (const SqlRow& row : archive.sql().run("SELECT path FROM detection_file ORDER BY path"))
      context.process.input(archive.path(sql_text(row[0])));
    fs::create_directories(scratch());
    lock.emplace(scratch(), output_);
    if (read_small_file(made_path()) == provenance && !context.run.fresh) return "o" + provenance;
    make(archive, context.threads);
    write_durably(made_path(), provenance);
    fault_point("merged");
    return "n" + provenance;
  }

  void make(const Archive& archive, int threads) const {
    for (const Chunk& chunk : archive.chunks())
      if (chunk.cu4 != file_state::done)
        log_warning(fmt::format("chunk {}: its detections are not in the archive yet: they are not merged", chunk.name));
    for (const fs::directory_entry& entry : fs::directory_iterator(scratch()))
      if (entry.path().filename() != "lock") fs::remove_all(entry.path());
    const MergedTables made = write_merged(archive, merge_, threads, sources_path(), detections_path());
    log_info(fmt::format("{} detections are of {} objects; {} are secondary where detectors overlap", grouped(made.detections),
                         grouped(made.objects), grouped(made.secondary)));
  }

  ArchiveOptions archive_;
  MergeOptions merge_;
  std::string output_;
};

}  // namespace

std::unique_ptr<Command> make_curate_merge_command() { return std::make_unique<CurateMergeCommand>(); }

}  // namespace skyfold
