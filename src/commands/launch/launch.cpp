// The command launch: starts a command on MPI ranks, watches it by its journal, and starts it again when it broke, as long as there
// is progress.
#include "restart.hpp"

#include <fmt/core.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "skyfold/commands/command.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/journal.hpp"
#include "skyfold/run/child_processes.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/workflow/file.hpp"
#include "skyfold/workflow/records.hpp"

namespace skyfold {
namespace {

constexpr double longest_pause_s = 300.0;
constexpr double grace_s = 2.0;          // for what a launcher leaves behind: helpers that end, ranks that notice its end
constexpr double look_interval_s = 2.0;  // between two looks at the journal

void say(const std::string& message) { log_info("skyfold launch: " + message); }

std::string seconds_text(double seconds) { return fmt::format("{:.{}f} s", seconds, seconds < 10.0 ? 1 : 0); }

/// A program and its options.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words = split(line, ' ');
  std::erase(words, std::string());  // two blanks
  return words;
}

/// Where a run keeps its journal: that of a farm, or of a pipeline.
struct RunFolder {
  std::string path;
  bool is_pipeline = false;

  [[nodiscard]] RunProgress progress() const { return is_pipeline ? pipeline_progress(path) : run_progress(path); }
};

/// Looks out for the record that says that a run has ended, while its launcher still runs. The journal is read again
/// only when it has stopped growing.
class EndWatch {
 public:
  EndWatch(const RunFolder& folder, std::uint64_t last_record) : folder_(folder), before_(last_record) {}

  [[nodiscard]] std::optional<int> exit_code() {
    std::error_code absent;
    // Asked for its size first: while the run works it grows all the time, and is never read here.
    const auto size = std::filesystem::file_size(folder_.path + "/journal", absent);
    if (absent || size == looked_at_) return code_;
    if (size != last_size_) {
      last_size_ = size;
      return code_ = std::nullopt;
    }
    looked_at_ = size;
    const RunProgress progress = folder_.progress();
    // What an earlier attempt ended with stands at the end of the journal until this one writes.
    return code_ = progress.last != before_ ? progress.exit_code : std::nullopt;
  }

 private:
  const RunFolder& folder_;
  std::uint64_t before_ = 0;
  std::uintmax_t last_size_ = 0, looked_at_ = 0;
  std::optional<int> code_;
};

struct LaunchOptions {
  long ranks = 0, attempts = 5;
  std::string launcher = "mpirun", check;
  double backoff_s = 2.0, patience_s = 30.0;
};

/// Runs a command through a launcher of MPI programs and starts it again when it broke.
class LaunchCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("ranks", o_.ranks, "MPI ranks, handed to the launcher as -n; 0: as many as it sees fit (short form: -n)").range(0, 1e7).layout();
    option("launcher", o_.launcher, "program that starts the ranks, with its options, separated by blanks").layout();
    option("attempts", o_.attempts, "attempts in a row without progress after which to give up").range(1, 1e6).layout();
    option("backoff", o_.backoff_s, "pause before a restart, doubled after each attempt without progress").unit("s").range(0, 300).layout();
    option("check", o_.check, "program, with its options, that is run before each restart; when it fails, launch stops with exit code 75")
        .layout();
    option("patience", o_.patience_s, "time that the launcher may stay after the run itself has ended").unit("s").range(1, 1e6).layout();
  }

  /// What follows `--` is the command to start.
  std::vector<std::string> own_words(std::vector<std::string> words) override {
    const auto dashes = std::find(words.begin(), words.end(), "--");
    if (dashes != words.end()) command_.assign(dashes + 1, words.end());
    words.erase(dashes, words.end());
    std::replace(words.begin(), words.end(), std::string("-n"), std::string("--ranks"));
    return words;
  }

  ExitCode run(const CommandContext& context) override {
    if (command_.empty()) throw UsageError("no command to start (skyfold launch -n 4 -- photoz ...)");
    if (command_[0] == "launch") throw UsageError("launch cannot start launch");
    if (context.options.given("threads")) throw UsageError("--threads belongs to the command behind --");
    if (words_of(o_.launcher).empty()) throw UsageError("--launcher is empty (must be a program, e.g. mpirun)");
    // This very program, whatever PATH says.
    program_ = std::filesystem::read_symlink("/proc/self/exe").string();
    if (const auto wrong = find_run_folder()) return *wrong;
    return supervise();
  }

 private:
  /// Asks the command itself for its configuration: so its errors are found before anything is started, and the output
  /// may stand in a file. Returns an exit code when the command line is wrong; the message is printed already.
  std::optional<ExitCode> find_run_folder() {
    std::vector<std::string> words = {program_};
    words.insert(words.end(), command_.begin(), command_.end());
    // By the command itself, which knows its defaults and its configuration file.
    words.emplace_back("--print-config");
    Ending ending;
    const std::string configuration = output_of(words, ending);
    if (ending.signal != 0) throw IoError(fmt::format("{} --print-config ended by {}", command_[0], ending.text()));
    if (ending.exit_code != 0) return static_cast<ExitCode>(ending.exit_code);
    if (command_[0] == "pipeline") {
      output_ = home_of(value_in(configuration, {"file"}));
      folder_ = {output_, true};
      return {};
    }
    // An archive is an output that grows; it has no journal, so that no attempt counts as progress.
    output_ = value_in(configuration, {"output", "archive"});
    if (output_.empty()) throw UsageError(fmt::format("{}: --output is missing (launch follows the run beside it)", command_[0]));
    folder_ = {run_path(output_), false};
    return {};
  }

  /// What is wrong in the pipeline file is said by the command itself.
  static std::string home_of(const std::string& file) {
    std::vector<workflow::Fault> ignored;
    return workflow::read_pipeline_file(file, {}, ignored).home();
  }

  [[nodiscard]] std::vector<std::string> launcher_words(const std::vector<std::string>& command) const {
    std::vector<std::string> words = words_of(o_.launcher);
    if (o_.ranks > 0) words.insert(words.end(), {"-n", std::to_string(o_.ranks)});
    words.push_back(program_);
    words.insert(words.end(), command.begin(), command.end());
    return words;
  }

  ExitCode supervise() {
    Processes processes;
    RestartPolicy policy(static_cast<int>(o_.attempts), o_.backoff_s);
    for (int attempt = 1;; ++attempt) {
      const RunProgress before = folder_.progress();
      const double start_s = now_s();
      // --fresh once: a restart must not throw away what the attempt before has done.
      const Ending ending = run_once(processes, before, attempt == 1 ? command_ : without_fresh(command_));
      // Ranks that outlive their launcher would hold the lock against the next attempt.
      const int left = processes.end_all(grace_s);
      if (left > 0) say(fmt::format("ended {} {} left behind", left, left == 1 ? "process" : "processes"));
      const bool is_missing = ending == Ending{} && !std::filesystem::exists(output_);
      const bool is_broken = ending.is_abnormal() || is_missing;
      // A signal that reached mpirun, too, makes it kill the ranks and return 1.
      if (stopping_ && (is_broken || ending.exit_code == static_cast<int>(ExitCode::bug))) return stopped();
      if (!is_broken) return static_cast<ExitCode>(ending.exit_code);
      const std::int64_t gained = ranges_gained(before, folder_.progress());
      const std::string how = ending.text() + (is_missing ? " but without an output" : "");  // srun's that could not start
      say(fmt::format("attempt {} ended with {} after {}; it completed {} {}", attempt, how, seconds_text(now_s() - start_s), gained,
                      folder_.is_pipeline ? "jobs" : "ranges"));
      const auto pause_s = policy.after_failure(gained > 0);
      if (!pause_s)
        throw IoError(
            fmt::format("gave up after {} attempts in a row without progress (the last one ended with {})", policy.fruitless(), how));
      say(fmt::format("attempt {} follows in {}", attempt + 1, seconds_text(*pause_s)));
      // Before the pause, so that nobody waits for nothing, and after it, since things change meanwhile.
      if (!may_restart() || !rest(processes, *pause_s) || !may_restart()) return stopped();
    }
  }

  ExitCode stopped() const {
    say("stopped with work left: the same command goes on from here");
    return ExitCode::stopped;
  }

  /// One attempt, from the start of the launcher to its end.
  Ending run_once(Processes& processes, const RunProgress& before, const std::vector<std::string>& command) {
    const std::vector<std::string> words = launcher_words(command);
    say("starting " + join(words, " "));
    processes.start(words);
    EndWatch watch(folder_, before.last);
    double ended_s = 0.0;  // when the run was first seen to have ended
    while (true) {
      const Processes::Event event = processes.wait(look_interval_s);
      if (event.ended) return *event.ended;
      if (event.signal != 0) pass_on(processes, event.signal);
      const std::optional<int> code = watch.exit_code();
      if (!code) continue;
      if (ended_s == 0.0) ended_s = now_s();
      if (now_s() - ended_s < o_.patience_s) continue;
      say(fmt::format("the run has ended with exit code {}, but its launcher stays: ending it", *code));
      return {*code, 0};
    }
  }

  /// Launchers kill their ranks a second after SIGTERM or SIGINT; SIGUSR1 they pass on, and skyfold stops in good order.
  /// Who asks again gets what he asks for.
  void pass_on(const Processes& processes, int signal) {
    say(fmt::format("got SIG{}: {}", sigabbrev_np(signal), stopping_ ? "passing it on" : "asking the ranks to stop"));
    processes.send(stopping_ ? signal : SIGUSR1);
    stopping_ = true;
  }

  /// What the user's check says: a batch system that is taking the processors away is no place for a restart.
  bool may_restart() const {
    if (o_.check.empty()) return true;
    Ending ending;
    (void)output_of(words_of(o_.check), ending);
    if (ending == Ending{}) return true;
    say(fmt::format("no restart: {} ended with {}", o_.check, ending.text()));
    return false;
  }

  /// False when a signal came.
  bool rest(Processes& processes, double seconds) {
    for (const double end_s = now_s() + seconds; now_s() < end_s;)
      if (processes.wait(std::max(0.0, end_s - now_s())).signal != 0) return false;
    return true;
  }

  LaunchOptions o_;
  std::vector<std::string> command_;
  std::string program_, output_;
  RunFolder folder_;
  bool stopping_ = false;
};

}  // namespace

RunProgress run_progress(const std::string& run_folder) {
  const std::vector<JournalRecord> records = read_journal(run_folder + "/journal");
  RunProgress progress;
  if (records.empty()) return progress;
  progress.completed = std::count_if(records.begin(), records.end(), [](const auto& r) { return r.event == Event::done; });
  if (records.back().event == Event::ended) progress.exit_code = records.back().attempt;
  // Checksums tell records apart: each has its time in it.
  progress.first = records.front().checksum;
  progress.last = records.back().checksum;
  return progress;
}

std::int64_t ranges_gained(const RunProgress& before, const RunProgress& after) noexcept {
  // Another first record is another journal: the run began anew.
  return after.completed - (after.first == before.first ? before.completed : 0);
}

std::optional<double> RestartPolicy::after_failure(bool made_progress) {
  fruitless_ = made_progress ? 0 : fruitless_ + 1;
  if (fruitless_ >= attempts_) return {};
  return std::min(longest_pause_s, backoff_s_ * std::exp2(std::min(fruitless_, 60)));
}

std::vector<std::string> without_fresh(const std::vector<std::string>& words) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < words.size(); ++i) {
    // In each form in which a command line can say it.
    if (words[i].starts_with("--fresh=")) continue;
    if (words[i] != "--fresh") {
      kept.push_back(words[i]);
      continue;
    }
    if (i + 1 < words.size() && !words[i + 1].starts_with("--")) ++i;  // its value
  }
  return kept;
}

std::string value_in(std::string_view configuration, const std::vector<std::string>& names) {
  while (!configuration.empty() && !configuration.starts_with('[')) {
    const std::size_t end = std::min(configuration.find('\n'), configuration.size());
    const std::string_view line = configuration.substr(0, end);
    for (const std::string& name : names)
      if (line.starts_with(name + " = ")) return unquoted_value(line.substr(name.size() + 3));
    configuration.remove_prefix(std::min(end + 1, configuration.size()));
  }
  return {};
}

RunProgress pipeline_progress(const std::string& home) {
  RunProgress progress;
  if (!std::filesystem::exists(home + "/journal")) return progress;
  workflow::JournalReader(home + "/journal").read([&progress](const workflow::Record& record) {
    progress.last = hash_text(workflow::line_of(record));
    if (progress.first == 0) progress.first = progress.last;
    const auto* end = std::get_if<workflow::EndRecord>(&record);
    if (end && end->how == "completed") ++progress.completed;
    const auto* close = std::get_if<workflow::CloseRecord>(&record);
    progress.exit_code = close ? std::optional(close->exit_code) : std::nullopt;
  });
  return progress;
}

std::unique_ptr<Command> make_launch_command() { return std::make_unique<LaunchCommand>(); }

}  // namespace skyfold
