#include "skyfold/cli/run.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/stages/provenance.hpp"
#include "skyfold/stages/stage.hpp"

namespace skyfold {
namespace {

struct Command {
  const char *name, *summary, *example;
  bool farms;   ///< runs on MPI ranks
  std::unique_ptr<Stage> (*make)();
};

constexpr std::array<Command, 6> commands = {{
    {"import", "read tables and write a sky-ordered catalogue", "mpirun -n 4 skyfold import --input A.fits B.fits --output CAT.h5", true, make_import_stage},
    {"info", "describe a catalogue or product", "skyfold info --catalogue CAT.h5", false, make_info_stage},
    {"plan", "show the partitions and jobs that a run would have", "skyfold plan --catalogue CAT.h5 --ranks 16", false, make_plan_stage},
    {"train", "train a photo-z model on objects with known redshift", "skyfold train --algorithm dnf --sample SPEC.fits --output MODEL.h5", false, make_train_stage},
    {"photoz", "estimate the redshift of every object of a catalogue", "mpirun -n 4 skyfold photoz --catalogue CAT.h5 --model MODEL.h5 --output Z.h5", true, make_photoz_stage},
    {"mock", "make a synthetic survey", "mpirun -n 4 skyfold mock --objects 1000000 --seed 1 --output CAT.h5", true, make_mock_stage},
}};

/// Options that every command has.
struct GlobalOptions {
  bool help = false, print_config = false;
  std::string config;
  long threads = 0;
};

std::string general_help() {
  std::string text = fmt::format("skyfold {}: per-object computations over whole sky surveys, on MPI ranks and OpenMP threads\n\n"
                                 "usage: [mpirun -n RANKS] skyfold COMMAND [--OPTION VALUE ...]\n\ncommands:\n", program_version);
  for (const Command& command : commands) text += fmt::format("  {:<8} {}\n", command.name, command.summary);
  text += "\nskyfold COMMAND --help describes a command's options, with defaults and units.\n"
          "exit codes: 0 done, 1 defect, 2 command line or configuration, 3 content of the data, 4 file or system,\n"
          "            5 finished with failed partitions, 75 stopped by a signal: run the same command again\n";
  return text;
}

const Command& command_named(const std::string& name) {
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (name == command.name) return command;
    names.emplace_back(command.name);
  }
  const std::string nearest = nearest_name(name, names);
  throw UsageError(fmt::format("no command '{}'{} (see skyfold --help)", name, nearest.empty() ? "" : ", did you mean '" + nearest + "'?"));
}

/// Number of this process among those started together, as launchers tell it before MPI starts.
int launched_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"})
    if (const char* value = std::getenv(name)) return std::atoi(value);
  return 0;
}

int run_stage(const Command& command, Stage& stage, const OptionSet& options, const GlobalOptions& global, int argc, char** argv) {
  const int here = global.threads > 0 ? static_cast<int>(global.threads) : 0;
  if (!command.farms) {
    if (launched_rank() > 0) return 0;  // one process does the work
    return static_cast<int>(stage.run({options, nullptr, here > 0 ? here : allowed_processors()}));
  }
  RankClock clock;
  const MpiSession session(argc, argv);
  const Ranks ranks(clock);
  if (!ranks.is_first()) silence_log();
  try {
    const int threads = here > 0 ? here : ranks.default_threads();
    const ExitCode code = stage.run({options, &ranks, threads});
    return ranks.is_first() ? static_cast<int>(code) : 0;
  } catch (const Error& error) {
    // Every rank has the same error; a rank that exits with a code of its own would make mpirun report a crash.
    if (!ranks.is_first()) return 0;
    fmt::print(stderr, "skyfold {}: {}\n", command.name, error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    fmt::print(stderr, "skyfold {}: defect on rank {}: {}\n", command.name, ranks.rank(), error.what());
    ranks.abort(ExitCode::bug);  // the others wait for this rank in a call that it will never make
  }
}

int run(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    fmt::print("{}", general_help());
    return words.empty() ? static_cast<int>(ExitCode::usage) : 0;
  }
  if (words[0] == "--version") {
    fmt::print("skyfold {}\n", program_version);
    return 0;
  }
  const Command& command = command_named(words[0]);
  const std::unique_ptr<Stage> stage = command.make();
  OptionSet options;
  GlobalOptions global;
  stage->describe(options);
  options("threads", global.threads, "OpenMP threads of each rank; 0: the processors that the rank may use").range(0, 4096).layout();
  options("config", global.config, "INI file with options; the command line overrides it").call_only();
  options("print-config", global.print_config, "print the effective configuration as a commented INI file and stop").call_only();
  options("help", global.help, "print this and stop").call_only();
  options.read_command_line({words.begin() + 1, words.end()});
  if (global.help) {
    if (launched_rank() == 0) fmt::print("skyfold {}: {}\nexample: {}\n{}", command.name, command.summary, command.example, options.help());
    return 0;
  }
  if (!global.config.empty()) options.read_ini(global.config);
  if (global.print_config) {
    if (launched_rank() == 0) fmt::print("{}", options.ini(true));
    return 0;
  }
  options.check_required();
  return run_stage(command, *stage, options, global, argc, argv);
}

}  // namespace

int run_command(int argc, char** argv) {
  const auto report = [](const std::string& message, ExitCode code) {
    if (launched_rank() == 0) fmt::print(stderr, "skyfold: {}\n", message);
    return launched_rank() == 0 ? static_cast<int>(code) : 0;
  };
  try {
    const int code = run(argc, argv);
    if (std::fflush(stdout) != 0) throw IoError("cannot write to standard output");
    return code;
  } catch (const Error& error) {
    return report(error.what(), error.code());
  } catch (const std::system_error& error) {  // fmt::print to a full disk or a closed pipe
    return report(error.what(), ExitCode::io);
  } catch (const std::bad_alloc&) {
    return report("out of memory", ExitCode::io);
  } catch (const std::exception& error) {
    return report(std::string("defect: ") + error.what(), ExitCode::bug);
  }
}

}  // namespace skyfold
