// The command `pipeline graph`: who starts whom in a pipeline, with what became of it, as a picture or for graphviz.
#include <fmt/core.h>

#include "shown.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/workflow/graph.hpp"

namespace skyfold {
namespace {

class PipelineGraphCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("file", file_, "pipeline file").required().positional().layout();
    option("output", output_, "picture to write, ending .svg, or .dot for graphviz").required().layout();
  }

  ExitCode run(const CommandContext&) override {
    const bool is_svg = output_.ends_with(".svg");
    if (!is_svg && !output_.ends_with(".dot")) throw UsageError(fmt::format("--output {}: must end in .svg or .dot", output_));
    check_outputs({output_}, {file_});
    check_replaceable({output_});
    const ShownPipeline pipeline(file_);
    workflow::PipelineGraph graph = workflow::graph_of(pipeline.file(), pipeline.state(), pipeline.standing());
    if (is_svg) workflow::lay_out(graph);
    write_durably(output_, is_svg ? workflow::svg_of(graph) : workflow::dot_of(graph));
    log_info("wrote " + output_);
    return ExitCode::done;
  }

 private:
  std::string file_, output_;
};

}  // namespace

std::unique_ptr<Command> make_pipeline_graph_command() { return std::make_unique<PipelineGraphCommand>(); }

}  // namespace skyfold
