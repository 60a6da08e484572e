// The options that every command has, in the order in which the help shows them.
#include "skyfold/commands/global_options.hpp"

#include <algorithm>

namespace skyfold {

void describe_global(OptionSet& options, const CommandEntry& entry, GlobalOptions& global) {
  if (entry.kind == CommandEntry::farms) describe(options, global.run);
  if (entry.kind == CommandEntry::shares) describe_fresh(options, global.run);
  const std::vector<std::string> names = options.names();
  if (std::find(names.begin(), names.end(), "output") != names.end()) describe(options, global.process);
  if (std::find(names.begin(), names.end(), "output") != names.end())
    options("products-within", global.products_within, "refuse to write products outside this folder, as replays do; empty: anywhere")
        .call_only();
  options("verify-inputs", global.verify_inputs,
          "compare what is read of skyfold's files with their checksums; off: read damaged files, too")
      .one_of({"on", "off"})
      .layout();
  options("threads", global.threads, "OpenMP threads of each rank; 0: the processors that the rank may use").range(0, 4096).layout();
  options("config", global.config, "INI file with options, or the name of one of config/presets; the command line overrides it")
      .call_only();
  options("print-config", global.print_config, "print the effective configuration as a commented INI file and stop").call_only();
  options("help", global.help, "print this and stop").call_only();
}

}  // namespace skyfold
