// What `skyfold help` and --help print: the list of commands, a group of them, the options of one; or, on demand, manual pages and
// completion of shells.
#include "help.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/version.hpp"

namespace skyfold {
namespace {

/// Names of all commands whose first of two words is `word`.
std::vector<std::string> group_of(const std::string& word) {
  std::vector<std::string> names;
  for (const CommandEntry& command : command_list())
    if (std::string_view(command.name).starts_with(word + " ")) names.emplace_back(command.name);
  return names;
}

std::string command_lines(const std::string& begin) {
  std::string text;
  for (const CommandEntry& command : command_list())
    if (std::string_view(command.name).starts_with(begin)) text += fmt::format("  {:<19} {}\n", command.name, command.summary);
  return text;
}

/// What `skyfold help` itself takes.
struct HelpOptions {
  std::string command, subcommand, man, completion;
  bool help = false;
};
void describe(OptionSet& options, HelpOptions& o) {
  options("command", o.command, "first word of the command to describe, or of a group").positional().call_only();
  options("subcommand", o.subcommand, "second word").positional().call_only();
  options("man", o.man, "write the manual pages of all commands into this folder, and stop").call_only();
  options("completion", o.completion, "print the script that makes a shell complete command lines, and stop")
      .one_of({"bash", "zsh", "fish"})
      .call_only();
  options("help", o.help, "print the list of commands and stop").call_only();
}

/// Help on what the words name: a command, or a group of them.
std::string help_on(const HelpOptions& asked) {
  if (asked.command.empty() || asked.command == "help") return general_help();
  std::vector<std::string> words = {asked.command};
  if (!asked.subcommand.empty()) words.push_back(asked.subcommand);
  const bool is_command = std::any_of(command_list().begin(), command_list().end(), [&](const auto& c) { return c.name == asked.command; });
  if (words.size() == 1 && !is_command && !group_of(words[0]).empty())
    return command_lines(words[0] + " ") + fmt::format("\nskyfold help {} WORD describes one of them.\n", words[0]);
  const CommandEntry& entry = command_named(words);
  if (words.size() == 2 && entry.name == words[0])
    throw UsageError(fmt::format("no command '{} {}' (see skyfold help {})", words[0], words[1], words[0]));
  const DescribedCommand command(entry);
  return command_help(entry, command.options);
}

}  // namespace

DescribedCommand::DescribedCommand(const CommandEntry& command) : entry(command), command_(command.make()) {
  command_->describe(options);
  describe_global(options, entry, global_);
}

const CommandEntry& command_named(const std::vector<std::string>& words) {
  std::vector<std::string> names;
  const std::string two = words.size() > 1 ? words[0] + " " + words[1] : words[0];
  const CommandEntry* one = nullptr;
  for (const CommandEntry& command : command_list()) {
    if (two == command.name) return command;
    if (words[0] == command.name) one = &command;
    names.emplace_back(command.name);
  }
  if (one) return *one;
  if (const std::vector<std::string> longer = group_of(words[0]); !longer.empty())
    throw UsageError(fmt::format("the command '{}' has two words: {} (options come behind both)", words[0], join(longer, ", ")));
  const std::string nearest = nearest_name(words[0], names);
  throw UsageError(
      fmt::format("no command '{}'{} (see skyfold --help)", words[0], nearest.empty() ? "" : ", did you mean '" + nearest + "'?"));
}

std::string general_help() {
  return fmt::format(
             "skyfold {}: per-object computations over whole sky surveys, on MPI ranks and OpenMP threads\n\n"
             "usage: [mpirun -n RANKS] skyfold COMMAND [--OPTION VALUE ...]\n\ncommands:\n",
             program_version) +
         command_lines("") +
         "\nskyfold COMMAND --help, or skyfold help COMMAND, describes a command's options, with defaults and units.\n"
         "exit codes: 0 done, 1 defect, 2 command line or configuration, 3 content of the data, 4 file or system,\n"
         "            5 finished with failed partitions, 75 stopped by a signal: run the same command again\n";
}

std::string command_help(const CommandEntry& entry, const OptionSet& options) {
  return fmt::format("skyfold {}: {}\nexample: {}\n{}", entry.name, entry.summary, entry.example, options.help());
}

int answer_help(const std::vector<std::string>& words, bool speaks) {
  HelpOptions asked;
  OptionSet options;
  describe(options, asked);
  options.read_command_line(words);
  if (asked.help) asked.command.clear();
  if (!asked.man.empty() && !asked.completion.empty()) throw UsageError("--man and --completion are two questions: ask one at a time");
  if (!asked.command.empty() && !(asked.man + asked.completion).empty())
    throw UsageError("--man and --completion are of all commands: name none");
  if (asked.man.empty()) {
    const std::string text = asked.completion.empty() ? help_on(asked) : completion_script(asked.completion);
    if (speaks) fmt::print("{}", text);
  } else if (speaks) {
    write_manual(asked.man);
  }
  return 0;
}

}  // namespace skyfold
