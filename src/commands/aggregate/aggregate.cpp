// The command aggregate: statistics of every object's measurements, a row for each object of the catalogue.
#include <memory>

#include "skyfold/commands/object_statistics.hpp"
#include "skyfold/core/options.hpp"

namespace skyfold {
namespace {

class AggregateCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("catalogue", run_.catalogue, "catalogue with measurements (import --measurements)").required().layout().positional();
    option("output", run_.output, "a row of statistics for each object, HDF5").required().layout().writes(FileKind::hdf5);
    option("fits", run_.fits, "the same as a FITS binary table").layout().writes(FileKind::fits);
    skyfold::describe(option, run_.statistics);
    skyfold::describe(option, run_.curves);
    option("partitions-per-job", run_.partitions_per_job, "partitions that a rank takes at a time: auto or a count").layout();
    skyfold::describe(option, run_.partition);
  }
  ExitCode run(const CommandContext& context) override { return make_object_statistics(run_, context); }

 private:
  ObjectStatisticsRun run_{.command = "aggregate"};
};

}  // namespace

std::unique_ptr<Command> make_aggregate_command() { return std::make_unique<AggregateCommand>(); }

}  // namespace skyfold
