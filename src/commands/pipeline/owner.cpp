// What the commands share that run a pipeline: its file, the owner, and its guests.
#include "owner.hpp"

#include <cstdlib>
#include <filesystem>

#include "common.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/workflow/page.hpp"

namespace skyfold {
namespace {

/// Processes that a launcher has started together with this one, without this one.
int processes_beside() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"})
    if (const char* value = std::getenv(name)) return static_cast<int>(parse_integer(value).value_or(1)) - 1;
  return 0;
}

/// The page of a run; "" for none. A path in the file is relative to the file.
std::string page_of(const PipelineRunOptions& o, const workflow::PipelineFile& file) {
  if (!o.html.empty() || file.html.empty()) return o.html;
  return (std::filesystem::path(file.folder) / file.html).string();
}

/// The page takes the place of nothing that the run reads, and can be written.
void check_page(const std::string& page, const workflow::PipelineFile& file) {
  if (page.empty()) return;
  if (std::filesystem::path(page).parent_path().lexically_normal() == file.home()) std::filesystem::create_directories(file.home());
  std::vector<std::string> inputs = {file.path};
  if (!file.targets.empty()) inputs.push_back(file.targets);
  for (const workflow::Node& node : file.nodes)
    if (!node.row_file.empty()) inputs.push_back(node.row_file);
  check_outputs({page}, inputs);
  check_replaceable({page});
}

workflow::RunnerOptions runner_options(const PipelineRunOptions& o, const CommandContext& context, const workflow::PipelineFile& file) {
  workflow::RunnerOptions options;
  options.slots = o.slots > 0 ? static_cast<int>(o.slots) : context.threads;
  options.guests = processes_beside();
  if (trim(o.launcher).empty()) throw UsageError("--launcher is empty (must be a program, e.g. mpirun)");
  options.launcher = o.launcher;
  options.program = std::filesystem::read_symlink("/proc/self/exe").string();
  options.chosen = workflow::chosen_nodes(file, o.until, o.from, o.only);
  options.grace_s = o.grace_s;
  const std::string page = page_of(o, file);
  if (!page.empty())
    options.show = [file, page](const workflow::PipelineState& state) { workflow::write_pipeline_page(file, state, page); };
  return options;
}

}  // namespace

void describe(OptionSet& option, PipelineRunOptions& o) {
  option("file", o.file, "pipeline file").required().positional().layout();
  option("slots", o.slots, "programs at a time on this process; 0: as many as it may use processors").range(0, 1e5).layout();
  option("launcher", o.launcher, "program that starts the ranks of steps, with its options").layout();
  option("until", o.until, "run this node and all that it needs").layout();
  option("from", o.from, "run this node and all that follows from it").layout();
  option("only", o.only, "run this node alone").layout();
  option("html", o.html, "page of the pipeline's state, kept up to date while it runs; empty: as the file says")
      .writes(FileKind::html)
      .layout();
  option("grace", o.grace_s, "time between SIGTERM and SIGKILL for programs that run when the pipeline is stopped")
      .unit("s")
      .range(0, 3600)
      .layout();
}

ExitCode run_pipeline(const PipelineRunOptions& o, const CommandContext& context, bool later,
                      const std::function<void(workflow::Engine&)>& prepare) {
  const workflow::PipelineFile file = faultless_pipeline(o.file, o.sets);
  std::vector<workflow::Fault> faults;
  const std::vector<workflow::Keys> targets =
      file.targets.empty() ? std::vector<workflow::Keys>(1) : workflow::read_rows(file.targets, faults);
  require_no_faults(o.file, faults);
  check_page(page_of(o, file), file);
  catch_stop_signals();
  workflow::PipelineOwner owner(file, runner_options(o, context, file), command_book());
  owner.begin(targets);
  prepare(owner.engine());
  if (!later) return owner.run();
  owner.leave();
  return ExitCode::done;
}

}  // namespace skyfold
