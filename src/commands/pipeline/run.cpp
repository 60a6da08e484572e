// The command `pipeline run`: brings a pipeline up to date, as its owner or as a guest of the owner.
#include <fmt/core.h>

#include "common.hpp"
#include "owner.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/run/lock.hpp"
#include "skyfold/workflow/post.hpp"

namespace skyfold {
namespace {

class PipelineRunCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    skyfold::describe(option, o_);
    option("set", o_.sets, "settings in place of those of the file, each NODE.KEY=VALUE").layout();
    option("join", join_, "work for a run of this pipeline that goes on, here or on another machine that shares the files").call_only();
    option("explain", explain_, "say why each step would run, and run nothing").call_only();
  }

  ExitCode run(const CommandContext& context) override {
    if (explain_) return explain_pipeline(faultless_pipeline(o_.file, o_.sets));
    if (!join_ && context.launched_rank == 0) return run_pipeline(o_, context, false, [](workflow::Engine&) {});
    return work_for_owner(context);
  }

 private:
  /// Until the owner says that all is done. When it dies whoever takes its lock goes on as the owner.
  ExitCode work_for_owner(const CommandContext& context) {
    const workflow::PipelineFile file = faultless_pipeline(o_.file, o_.sets);
    const int slots = o_.slots > 0 ? static_cast<int>(o_.slots) : context.threads;
    catch_stop_signals();
    if (join_ && lock_holder(file.home()).empty())
      throw UsageError(fmt::format("{}: no run of this pipeline goes on (without --join this command begins one)", o_.file));
    while (!workflow::work_as_guest(file.home(), slots)) {
      check_stop();
      try {
        return run_pipeline(o_, context, false,
                            [](workflow::Engine&) { log_info("the owner of the pipeline is gone: this process takes over"); });
      } catch (const IoError&) {
        if (lock_holder(file.home()).empty()) throw;  // else another guest was quicker
      }
    }
    return ExitCode::done;
  }

  PipelineRunOptions o_;
  bool join_ = false, explain_ = false;
};

}  // namespace

std::unique_ptr<Command> make_pipeline_run_command() { return std::make_unique<PipelineRunCommand>(); }

}  // namespace skyfold
