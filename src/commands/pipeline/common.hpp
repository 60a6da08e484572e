#pragma once

#include <map>
#include <string>
#include <vector>

#include "skyfold/commands/command.hpp"
#include "skyfold/workflow/steps.hpp"

namespace skyfold {

/// The commands of skyfold as steps of pipelines.
[[nodiscard]] workflow::CommandBook command_book();

/// Products that a command makes for certain, by name, from its options as they stand; see CommandFacts.
[[nodiscard]] std::map<std::string, std::string> products_of_command(const std::string& command, const OptionSet& options);
/// Classes of what a command gives, by product, and of what its options take.
void add_classes(const std::string& command, workflow::CommandFacts& facts);

/// Reads and checks a pipeline file with all its steps. All faults are printed, a line each on standard error, and UsageError is thrown,
/// where there are any.
[[nodiscard]] workflow::PipelineFile faultless_pipeline(const std::string& path, const std::vector<std::string>& sets);
/// The last part of that.
void require_no_faults(const std::string& path, const std::vector<workflow::Fault>& faults);

/// Says of each step whether it would run, and why. What tasks give their events nobody knows before they run: of steps that wait for such
/// events that is said.
[[nodiscard]] ExitCode explain_pipeline(const workflow::PipelineFile& file);

}  // namespace skyfold
