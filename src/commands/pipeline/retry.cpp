// The commands `pipeline retry` and `pipeline add`: what is done again, or in addition, and then all that follows from it.
#include <fmt/core.h>

#include "common.hpp"
#include "owner.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

class PipelineRetryCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    skyfold::describe(option, o_);
    option("event", event_, "number of an event (as pipeline status shows it) whose jobs are done again, with all that came of them")
        .range(0, 9e15)
        .call_only();
    option("set", with_, "of --event: other values for its jobs, each NODE.NAME=VALUE or NAME=VALUE: options of a step, keys of a task")
        .call_only();
    option("node", node_, "name of a step or task whose jobs are all done again, with all that came of them").call_only();
    option("failed", failed_, "all jobs that failed or are quarantined are done again").call_only();
    option("later", later_, "record this for the next run, and run nothing now").call_only();
  }

  ExitCode run(const CommandContext& context) override {
    if ((event_ > 0) + !node_.empty() + failed_ != 1) throw UsageError("one of --event, --node and --failed is needed");
    if (!with_.empty() && event_ <= 0) throw UsageError("--set belongs to --event");
    return run_pipeline(o_, context, later_, [this](workflow::Engine& engine) { ask(engine); });
  }

 private:
  void ask(workflow::Engine& engine) const {
    if (event_ > 0) return engine.retry_event(event_, with_);
    if (failed_) return engine.retry_failed();
    if (!engine.file().node(node_)) throw UsageError(fmt::format("--node: {} has no step or task '{}'", o_.file, node_));
    std::vector<std::int64_t> jobs;
    for (const auto& [id, job] : engine.state().jobs())
      if (job.is_valid && job.record.node == node_ && job.state != "ready") jobs.push_back(id);
    for (const std::int64_t id : jobs)
      if (engine.state().jobs().at(id).is_valid) engine.redo(id, "asked for");
  }

  PipelineRunOptions o_;
  long event_ = 0;
  std::vector<std::string> with_;
  std::string node_;
  bool failed_ = false, later_ = false;
};

class PipelineAddCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    skyfold::describe(option, o_);
    option("targets", targets_, "table of more targets, a row each; they stay part of the pipeline").required().call_only();
    option("later", later_, "record them for the next run, and run nothing now").call_only();
  }

  ExitCode run(const CommandContext& context) override {
    std::vector<workflow::Fault> faults;
    const std::vector<workflow::Keys> rows = workflow::read_rows(targets_, faults);
    require_no_faults(targets_, faults);
    return run_pipeline(o_, context, later_, [&rows](workflow::Engine& engine) {
      const std::size_t before = engine.state().events().size();
      for (const workflow::Keys& keys : rows) engine.add_root("@start", keys);
      const std::size_t added = engine.state().events().size() - before;
      log_info(fmt::format("{} targets are added, {} were there already", grouped(added), grouped(rows.size() - added)));
    });
  }

 private:
  PipelineRunOptions o_;
  std::string targets_;
  bool later_ = false;
};

}  // namespace

std::unique_ptr<Command> make_pipeline_retry_command() { return std::make_unique<PipelineRetryCommand>(); }
std::unique_ptr<Command> make_pipeline_add_command() { return std::make_unique<PipelineAddCommand>(); }

}  // namespace skyfold
