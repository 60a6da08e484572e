#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "skyfold/workflow/steps.hpp"

namespace skyfold::workflow {

/// What a reference @STEP:product stands for: paths, one for each instance that is meant.
using PathsOf = std::function<std::vector<std::string>(const std::string& step, const std::string& product)>;

/// An option's value with its references replaced by paths, as an INI file would have it.
[[nodiscard]] std::string with_paths(const std::string& value, const PathsOf& paths);

/// The word --NAME=VALUE for a value as an INI file has it.
[[nodiscard]] std::string option_word(const std::string& name, const std::string& value, const CommandBook& book,
                                      const std::string& command);

/// Reads such a word into a set. Throws UsageError without the place, which is no command line.
void assign_word(OptionSet& options, const std::string& word);
/// Reads the file that --config names, where it is one: below the folder, or anywhere; presets are left to the command.
void read_config(OptionSet& options, const std::string& folder);

/// A path as it is from a folder, without dots.
[[nodiscard]] std::string absolute_path(const std::string& folder, const std::string& path);
/// The shorter form of a path for people and command lines: relative to the folder where it is below it.
[[nodiscard]] std::string path_from(const std::string& folder, const std::string& path);

}  // namespace skyfold::workflow
