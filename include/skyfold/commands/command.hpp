#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/registry/process.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {

/// What a command is given to run with.
struct CommandContext {
  const OptionSet& options;  ///< for the effective configuration
  Ranks* ranks = nullptr;    ///< null for a process that is alone
  int threads = 1;           ///< OpenMP threads of this rank
  RunOptions run = {};       ///< of commands that farm; `fresh` of those that share
  Process& process;          ///< takes what the registry and the product log are told
  int launched_rank = 0;     ///< number of this process among those that a launcher has started; for commands that join
};

/// The work of one command: wiring, no algorithms.
class Command {
 public:
  virtual ~Command() = default;
  /// Adds the command's options; their values land in this object.
  virtual void describe(OptionSet& option) = 0;
  /// Of the words behind the command's name those that are its options; a command that takes other words keeps them.
  virtual std::vector<std::string> own_words(std::vector<std::string> words) { return words; }
  /// Of a command that farms: this call is a small question, which one process answers without MPI. Asked once the options are read.
  [[nodiscard]] virtual bool is_small() const { return false; }
  /// Runs the command; collective for one that farms. Errors are thrown, the same on every rank.
  virtual ExitCode run(const CommandContext& context) = 0;
};

/// A command as the command line knows it.
struct CommandEntry {
  const char *name, *summary, *example;
  /// alone: one process. farms: MPI ranks and a run that goes on after a kill. shares: one process, or MPI ranks where a launcher has
  /// started them; what is done goes on after a kill. spreads: the same, but begun anew after a kill, as the work is short. joins: every
  /// process that a launcher has started works, without MPI.
  enum Kind { alone, farms, shares, spreads, joins } kind;
  std::unique_ptr<Command> (*make)();
};
/// All commands, in the order in which `--help` tells of them.
[[nodiscard]] std::span<const CommandEntry> command_list();

}  // namespace skyfold
