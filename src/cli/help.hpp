#pragma once

#include <memory>
#include <string>
#include <vector>

#include "skyfold/commands/command.hpp"
#include "skyfold/commands/global_options.hpp"

/// Help in all its forms: on the terminal, as manual pages, as completion of shells. All are made from the descriptions of the options.
namespace skyfold {

/// A command with the description of its options, which nobody has given a value.
class DescribedCommand {
 public:
  explicit DescribedCommand(const CommandEntry& command);
  DescribedCommand(const DescribedCommand&) = delete;  // the options refer to what is in here
  DescribedCommand& operator=(const DescribedCommand&) = delete;

  const CommandEntry& entry;
  OptionSet options;

 private:
  std::unique_ptr<Command> command_;
  GlobalOptions global_;
};

/// The command that the first words name, which may be two: "journal dump". Throws UsageError, with the nearest name.
[[nodiscard]] const CommandEntry& command_named(const std::vector<std::string>& words);

/// All commands and exit codes.
[[nodiscard]] std::string general_help();
/// What `skyfold COMMAND --help` prints.
[[nodiscard]] std::string command_help(const CommandEntry& entry, const OptionSet& options);

/// `skyfold help`, with the words behind it.
/// @param speaks  false on ranks but the first, which only check the words
int answer_help(const std::vector<std::string>& words, bool speaks);

/// Writes the manual: skyfold.1, and skyfold-COMMAND.1 for each command, in the language of man(7), into a folder that is made.
void write_manual(const std::string& folder);
/// The script that makes a shell complete commands, options and their values.
/// @param shell  bash, zsh or fish
[[nodiscard]] std::string completion_script(const std::string& shell);

}  // namespace skyfold
