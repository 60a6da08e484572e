// The command aggregate: statistics of every object's measurements, a row for each object of the catalogue, or for each of its visits.
#include <memory>

#include "skyfold/commands/object_statistics.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "visits.hpp"

namespace skyfold {
namespace {

class AggregateCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("catalogue", run_.catalogue, "catalogue with measurements (import --measurements)").required().layout().positional();
    option("by", by_, "rows: object, one for each; visit, one for each object, filter and visit in which measurements count")
        .one_of({"object", "visit"});
    option("output", run_.output, "rows of statistics, HDF5").required().layout().writes(FileKind::hdf5);
    option("fits", run_.fits, "the same as a FITS binary table").layout().writes(FileKind::fits);
    skyfold::describe(option, run_.statistics);
    skyfold::describe(option, run_.curves);
    option("meas.visit", visit_,
           "column of the measurements' visits (--by visit), numbers or texts; empty: by a usual name (visit, image, ...)");
    option("partitions-per-job", run_.partitions_per_job, "partitions that a rank takes at a time: auto or a count").layout();
    skyfold::describe(option, run_.partition);
  }
  ExitCode run(const CommandContext& context) override {
    if (by_ == "visit") {
      if (run_.statistics.period != "none")
        throw UsageError("--period " + run_.statistics.period + " with --by visit (periods are of objects, --by object)");
      for (const std::string& name : context.options.names())
        if (name == "partitions-per-job" || name.starts_with("partition.") || name.starts_with("motion."))
          refuse_idle_options("--by object", {{name.c_str(), context.options.changed(name)}});
      return make_visit_statistics(run_, visit_, context);
    }
    refuse_idle_options("--by visit", {{"meas.visit", !visit_.empty()}});
    return make_object_statistics(run_, context);
  }

 private:
  std::string by_ = "object", visit_;
  ObjectStatisticsRun run_{.command = "aggregate"};
};

}  // namespace

std::unique_ptr<Command> make_aggregate_command() { return std::make_unique<AggregateCommand>(); }

}  // namespace skyfold
