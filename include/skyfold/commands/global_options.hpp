#pragma once

#include <string>

#include "skyfold/commands/command.hpp"

namespace skyfold {

/// Options that every command has.
struct GlobalOptions {
  bool help = false, print_config = false;
  std::string config, products_within, verify_inputs = "on";
  long threads = 0;
  RunOptions run;
  ProcessOptions process;
};
/// Adds them behind a command's own.
void describe_global(OptionSet& options, const CommandEntry& entry, GlobalOptions& global);

}  // namespace skyfold
