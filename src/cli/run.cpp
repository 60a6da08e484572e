// From words to a command: finds it in the list, reads command line and configuration, starts MPI where the command needs it, runs it,
// and turns what went wrong into one line on standard error and an exit code.
#include "skyfold/cli/run.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "help.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/commands/global_options.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/failure.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/processors.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/verification.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/placement.hpp"

namespace skyfold {
namespace {

/// The file itself, or a preset of that name: PREFIX/bin/skyfold has them in PREFIX/share/skyfold/presets, where it was installed and
/// where it was built.
std::string config_path(const std::string& name) {
  std::error_code error;
  if (std::filesystem::exists(name, error)) return name;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path preset = program.parent_path().parent_path() / "share" / "skyfold" / "presets" / (name + ".ini");
  return std::filesystem::exists(preset, error) ? preset.string() : name;
}

void read_configuration(const std::string& path, OptionSet& options) {
  std::error_code absent;
  const bool may_wait = std::filesystem::is_fifo(path, absent);  // for a writer, for ever
  // Nothing looks at the flag while a pipe is waited for: there a signal ends the process as usual.
  if (may_wait) release_stop_signals();
  options.read_ini(path);
  if (may_wait) catch_stop_signals();
}

/// A file is read more than once: by position, on every rank, and again when a run is taken up; products replace files. So a pipe cannot be
/// one, whatever the option.
void refuse_pipes(const OptionSet& options) {
  for (const std::string& name : options.names()) {
    if (name == "config") continue;  // read once, from beginning to end
    const std::string value = options.value(name);
    std::vector<std::string> words = unquoted_list(value);
    words.push_back(unquoted_value(value));
    for (const std::string& word : words) refuse_special_input(word.starts_with('@') ? word.substr(1) : word, "--" + name + ": ");
  }
}

/// Number of this process among those that a launcher has started to speak MPI; none without one.
std::optional<int> launched_mpi_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"})
    if (const char* value = std::getenv(name)) return std::atoi(value);
  return std::nullopt;
}

/// Number of this process among those started together, as launchers tell it before MPI starts.
int launched_rank() {
  if (const auto rank = launched_mpi_rank()) return *rank;
  // Help and errors of the command line are printed by one rank, though MPI does not run yet. (Slurm sets this in batch scripts, too.)
  const char* value = std::getenv("SLURM_PROCID");
  return value ? std::atoi(value) : 0;
}

/// The exception being handled, in the words for the user.
Failure told_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (...) {
    Failure failure = current_failure();
    if (failure.code == ExitCode::bug) failure.message = "defect: " + failure.message;
    return failure;
  }
}

/// Runs a command; what went wrong comes back as a value, and whether every rank has the same.
struct Outcome {
  ExitCode code = ExitCode::done;
  Failure failure;
  bool is_shared = false;
};
Outcome outcome_of(Command& command, const CommandContext& context) {
  try {
    return {command.run(context), {}, false};
  } catch (const SharedError& error) {
    return {error.code(), {error.code(), error.what()}, true};
  } catch (...) {
    const Failure failure = told_failure();
    return {failure.code, failure, false};
  }
}

/// A message of one line; of one that is longer than any path (from a damaged file, say) the beginning and the end.
std::string line_of(const std::string& message) {
  constexpr std::size_t longest = 12'000, begin = 8'000, end = 2'000;
  if (message.size() <= longest) return one_line(message);
  return fmt::format("{} [{} bytes left out] {}", one_line(message.substr(0, begin)), message.size() - begin - end,
                     one_line(message.substr(message.size() - end)));
}

/// The line that reports a failure; `rank` is none for one that needs no rank to be told.
void print_failure(const CommandEntry& entry, const Failure& failure, std::optional<int> rank) {
  const std::string where = rank ? fmt::format("rank {}: ", *rank) : "";
  write_to_stderr(fmt::format("skyfold {}: {}{}\n", entry.name, where, line_of(failure.message)));
}

int run_command(const CommandEntry& entry, Command& command, const OptionSet& options, const GlobalOptions& global, int argc, char** argv) {
  const int here = global.threads > 0 ? static_cast<int>(global.threads) : 0;
  if (entry.kind == CommandEntry::joins && launched_rank() > 0) silence_log();
  const bool may_be_alone = entry.kind == CommandEntry::shares || entry.kind == CommandEntry::spreads;
  if (entry.kind == CommandEntry::alone || entry.kind == CommandEntry::joins || (may_be_alone && !launched_mpi_rank()) ||
      command.is_small()) {
    // Nothing to bring to a good end: products are published in one step, so a signal may end it at once.
    release_stop_signals();
    if (launched_rank() > 0 && entry.kind != CommandEntry::joins) return 0;  // one process does the work
    const int threads = here > 0 ? here : granted_processors();
    Process process(entry.name, options, global.process, 1, threads);
    const Outcome outcome = outcome_of(command, {options, nullptr, threads, global.run, process, launched_rank()});
    process.end(outcome.code, outcome.failure.message);
    if (outcome.failure) throw Error(outcome.failure.code, outcome.failure.message);
    return static_cast<int>(outcome.code);
  }
  // Before MPI, whose start is part of the time that ranks spend.
  RankClock clock;
  const MpiSession session(argc, argv);
  Ranks ranks(clock);
  // Every rank would say the same; what one rank alone has to say reaches rank 0 as an error.
  if (!ranks.is_first()) silence_log();
  std::optional<Process> process;
  const int threads = ranks.threads(here);
  if (ranks.is_first())
    process.emplace(entry.name, options, global.process, ranks.size(), threads);
  else
    process.emplace();
  Outcome outcome = outcome_of(command, {options, &ranks, threads, global.run, *process});
  const RunEnding ending = ranks.end(outcome.failure, outcome.is_shared);
  if (ending.failure) outcome.code = ending.failure.code;
  if (ending.failure && ranks.is_first())
    print_failure(entry, ending.failure, std::nullopt);
  else if (ending.failure && !ending.is_common)
    print_failure(entry, ending.failure, ranks.rank());
  // After the common end: only then is it known whether another rank has failed.
  process->end(outcome.code, ending.failure.message);
  if (!ending.is_common) ranks.abort(outcome.code);  // the others wait for this rank in a call that it will never make
  std::fflush(nullptr);
  if (ranks.has_lost_ranks()) ranks.leave(outcome.code);
  // A rank that exits with a code of its own would make mpirun report a crash.
  const ExitCode code = ranks.is_first() ? outcome.code : ExitCode::done;
  // A thread that hangs in a system call would keep exit() from returning.
  if (has_hung_thread()) ranks.end_process(code);
  return static_cast<int>(code);
}

int run(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  // Asked for, the help is an answer; printed for want of a command it is one to a mistake, which a script must notice.
  if (words.empty() || words[0] == "--help" || words[0] == "-h") {
    fmt::print("{}", general_help());
    return words.empty() ? static_cast<int>(ExitCode::usage) : 0;
  }
  if (words[0] == "help") return answer_help({words.begin() + 1, words.end()}, launched_rank() == 0);
  if (words[0] == "--version" || words[0] == "-V") {
    fmt::print("skyfold {}\n", program_version);
    return 0;
  }
  const CommandEntry& entry = command_named(words);
  const auto name_words = 1 + std::count(entry.name, entry.name + std::strlen(entry.name), ' ');
  const std::unique_ptr<Command> command = entry.make();
  OptionSet options;
  GlobalOptions global;
  command->describe(options);
  describe_global(options, entry, global);
  const std::vector<std::string> names = options.names();
  // The command line before the file: what it gives is marked, and read_ini passes over it.
  options.read_command_line(command->own_words({words.begin() + name_words, words.end()}));
  // Before the options are checked: who asks how to use a command has not given them yet.
  if (global.help) {
    if (launched_rank() == 0) fmt::print("{}", command_help(entry, options));
    return 0;
  }
  if (!global.config.empty()) read_configuration(config_path(global.config), options);
  if (global.print_config) {
    if (launched_rank() == 0) fmt::print("{}", options.ini(true));
    return 0;
  }
  options.check_required();
  refuse_pipes(options);
  if (std::find(names.begin(), names.end(), "output") != names.end())
    std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away costs no product
  verify_inputs(global.verify_inputs == "on");
  restrict_products(global.products_within);
  return run_command(entry, *command, options, global, argc, argv);
}

}  // namespace

int run_command(int argc, char** argv) {
  catch_stop_signals();
  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);  // locks of our own; HDF5's fail on some network file systems
  const auto report = [](const std::string& message, ExitCode code) {
    if (launched_rank() == 0) write_to_stderr(fmt::format("skyfold: {}\n", line_of(message)));
    return launched_rank() == 0 ? static_cast<int>(code) : 0;
  };
  try {
    const int code = run(argc, argv);
    // A full disk behind "> file" shows here at the latest: exit code 0 would vouch for output that is cut off.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw IoError("cannot write to standard output");
    return code;
  } catch (...) {
    const Failure failure = told_failure();
    return report(failure.message, failure.code);
  }
}

}  // namespace skyfold
