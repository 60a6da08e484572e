// Commands as steps of pipelines: their options as the command line has them, and what they make.
#include <fmt/core.h>

#include <algorithm>

#include "common.hpp"
#include "skyfold/commands/global_options.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// A command with its options, which its members are bound to.
struct BoundCommand {
  std::unique_ptr<Command> command;
  GlobalOptions global;
  OptionSet options;
};

/// Commands that start others, or look at them.
constexpr const char* no_steps[] = {"launch", "status", "journal dump", "rehearse", "products replay"};

std::string why_no_step(const std::string& name) {
  if (name.starts_with("pipeline ")) return "a pipeline is no step of another";
  const bool is_other = std::find(std::begin(no_steps), std::end(no_steps), name) != std::end(no_steps);
  return is_other ? fmt::format("{} is about other commands, and no step", name) : "";
}

workflow::CommandFacts facts_of(const CommandEntry& entry) {
  workflow::CommandFacts facts;
  facts.problem = why_no_step(entry.name);
  facts.is_known = facts.problem.empty();
  const auto bound = std::make_shared<BoundCommand>();
  bound->command = entry.make();
  bound->command->describe(bound->options);
  describe_global(bound->options, entry, bound->global);
  facts.options = std::shared_ptr<OptionSet>(bound, &bound->options);
  // launch follows a run beside its --output or --archive. Of several algorithms train makes no such file: it is one process, with threads.
  const std::vector<std::string> names = bound->options.names();
  const bool has_archive = std::find(names.begin(), names.end(), "archive") != names.end();
  facts.is_parallel = entry.kind == CommandEntry::farms || (entry.kind == CommandEntry::spreads && has_archive);
  facts.products = [name = std::string(entry.name), bound] { return products_of_command(name, bound->options); };
  add_classes(entry.name, facts);
  return facts;
}

workflow::CommandFacts facts_of_name(const std::string& name) {
  std::vector<std::string> names, longer;
  for (const CommandEntry& entry : command_list()) {
    if (name == entry.name) return facts_of(entry);
    names.emplace_back(entry.name);
    if (names.back().starts_with(name + " ")) longer.push_back(names.back());
  }
  workflow::CommandFacts facts;
  const std::string nearest = nearest_name(name, names);
  if (!longer.empty())
    facts.problem = fmt::format("the command '{}' has two words: {}", name, join(longer, ", "));
  else
    facts.problem = fmt::format("no command '{}'{}", name, nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest));
  return facts;
}

}  // namespace

workflow::CommandBook command_book() { return facts_of_name; }

workflow::PipelineFile faultless_pipeline(const std::string& path, const std::vector<std::string>& sets) {
  std::vector<workflow::Fault> faults;
  workflow::PipelineFile file = workflow::read_pipeline_file(path, sets, faults);
  workflow::check_steps(file, command_book(), faults);
  require_no_faults(path, faults);
  return file;
}

void require_no_faults(const std::string& path, const std::vector<workflow::Fault>& faults) {
  if (faults.empty()) return;
  std::string lines;
  for (const workflow::Fault& fault : faults) lines += fault.text() + "\n";
  write_to_stderr(lines);
  throw UsageError(fmt::format("{}: {} {} (above); nothing was started", path, faults.size(), faults.size() == 1 ? "fault" : "faults"));
}

}  // namespace skyfold
