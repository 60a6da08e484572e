// The command import: its options, and what they mean together.
#include "catalogue.hpp"

#include <fmt/core.h>

#include "measurements.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

class ImportCommand final : public Command {
 public:
  void describe(OptionSet& option) override { skyfold::describe(option, options_); }
  ExitCode run(const CommandContext& context) override {
    if (!options_.measurements.empty()) {
      check_measurements(context.options);
      import_measurements(options_, context);
      return ExitCode::done;
    }
    if (options_.input.empty()) throw UsageError("--input is missing (tables to read; or --measurements)");
    refuse_idle_options("--measurements", {{"objects", !options_.objects.empty()},
                                           {"join", !options_.join.empty()},
                                           {"columns.filter", !options_.filter.empty()},
                                           {"columns.time", !options_.time.empty()},
                                           {"filters", !options_.filters.empty()}});
    if (options_.dedup == "none")
      for (const std::string& name : context.options.names())
        if (name.starts_with("dedup.")) refuse_idle_options("--dedup", {{name.c_str(), context.options.changed(name)}});
    if (options_.dedup != "none" && options_.profile.is_set())
      throw UsageError(fmt::format("--dedup {} with --profile (which merges repeated detections itself)", options_.dedup));
    if (options_.keep_order && options_.profile.is_set()) throw UsageError("--keep-order with --profile (which makes rows of its own)");
    if (options_.dedup_mark && !options_.dedup_list.empty()) throw UsageError("--dedup.list with --dedup.mark (all rows stay)");
    // Repeated detections are no mistake of the inputs: they are merged, and listed.
    if (options_.profile.is_set() && !context.options.given("on-bad-row")) options_.on_bad_row = "drop";
    // Before the catalogue, also where that is complete: these may be asked for later.
    if (options_.profile.is_set() && !options_.profile.local_files.empty())
      write_local_files(*context.ranks, options_.input, options_.profile);
    import_catalogue(options_, context);
    return ExitCode::done;
  }

 private:
  void check_measurements(const OptionSet& given) const {
    if (options_.objects.empty()) throw UsageError("--objects is missing (the catalogue of the objects that were measured)");
    if (options_.join.empty()) throw UsageError("--join is missing (id:COLUMN or position:ARCSEC)");
    // Of objects alone: they would be given for nothing.
    for (const char* name :
         {"input", "ordering", "ordering.column", "columns.id", "columns.tile", "with-ids", "survey", "dedup", "dedup.radius", "dedup.by",
          "dedup.tile", "dedup.mark", "dedup.list", "bands.nondetection", "bands.missing", "bands.nan", "bands.inf", "profile", "clean"})
      if (given.changed(name)) throw UsageError(fmt::format("--{} does not go with --measurements (it is about objects)", name));
  }

  ImportOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_import_command() { return std::make_unique<ImportCommand>(); }

}  // namespace skyfold
