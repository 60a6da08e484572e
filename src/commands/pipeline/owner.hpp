#pragma once

#include <functional>
#include <string>
#include <vector>

#include "skyfold/commands/command.hpp"
#include "skyfold/workflow/runner.hpp"

namespace skyfold {

/// Options of the commands that run a pipeline.
struct PipelineRunOptions {
  std::string file;
  std::vector<std::string> sets;
  std::string launcher = "mpirun", until, from, only, html;
  long slots = 0;
  double grace_s = 5.0;
};
/// Those of `pipeline run` that retries and additions have, too.
void describe(OptionSet& option, PipelineRunOptions& o);

/// Becomes the owner of the pipeline; `prepare` asks for retries or adds targets, then all is done that is to be done.
/// @param later  record what is asked for, and end
[[nodiscard]] ExitCode run_pipeline(const PipelineRunOptions& o, const CommandContext& context, bool later,
                                    const std::function<void(workflow::Engine&)>& prepare);

}  // namespace skyfold
