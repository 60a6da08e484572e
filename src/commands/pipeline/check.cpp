// The command `pipeline check`: the whole file is read and checked, and nothing starts.
#include <fmt/core.h>

#include <algorithm>

#include "common.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

std::string counted(long long count, const std::string& what) {
  return fmt::format("{} {}{}", grouped(count), what, count == 1 ? "" : "s");
}

/// What a node waits for: "@match", "reduced, all of brick".
std::string waits_for(const workflow::Node& node) {
  std::vector<std::string> texts;
  for (const workflow::Trigger& trigger : node.on) {
    std::string text = trigger.event_class;
    if (trigger.kind != workflow::Trigger::each && trigger.group != "*") text += ", all of " + trigger.group;
    if (trigger.kind == workflow::Trigger::ended) text += " but failed";
    texts.push_back(text);
  }
  return texts.empty() ? "nothing" : join(texts, "; ");
}

class PipelineCheckCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("file", file_, "pipeline file").required().positional().layout();
    option("set", sets_, "settings in place of those of the file, each NODE.KEY=VALUE").layout();
  }

  ExitCode run(const CommandContext&) override {
    const workflow::PipelineFile file = faultless_pipeline(file_, sets_);
    const auto steps = std::count_if(file.nodes.begin(), file.nodes.end(), [](const auto& node) { return node.is_step; });
    fmt::print("{}: {}, {}; products, ledger and logs in {}\n", file_, counted(steps, "step"),
               counted(std::ssize(file.nodes) - steps, "task"), file.name);
    for (const workflow::Node& node : file.nodes)
      fmt::print("{} {}: {}; waits for {}{}\n", node.is_step ? "step" : "task", node.name, node.is_step ? node.command : node.words.front(),
                 waits_for(node),
                 node.row_file.empty() ? "" : fmt::format("; {} of {}", counted(std::ssize(node.rows), "row"), node.row_file));
    return ExitCode::done;
  }

 private:
  std::string file_;
  std::vector<std::string> sets_;
};

}  // namespace

std::unique_ptr<Command> make_pipeline_check_command() { return std::make_unique<PipelineCheckCommand>(); }

}  // namespace skyfold
