// Starting other programs and ending them with all that they started, for launch and replay: signals are taken one by one from a
// queue, so that none comes at a bad time.
#include "skyfold/run/child_processes.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/process_status.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr std::array stop_signals = {SIGINT, SIGTERM, SIGUSR1};

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : stop_signals) sigaddset(&set, signal);
  sigaddset(&set, SIGCHLD);
  return set;
}

constexpr std::array skyfold_codes = {ExitCode::done, ExitCode::bug,        ExitCode::usage,  ExitCode::data,
                                      ExitCode::io,   ExitCode::incomplete, ExitCode::stopped};

Ending ending_of(int status) {
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

/// A pipe whose ends close at exec.
struct Pipe {
  std::array<int, 2> ends = {-1, -1};
  Pipe() {
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw IoError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_end(std::size_t which) {
    if (ends[which] >= 0) close(ends[which]);
    ends[which] = -1;
  }
};

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t got = 0; (got = read(descriptor, buffer.data(), buffer.size())) != 0;) {
    if (got > 0)
      text.append(buffer.data(), static_cast<std::size_t>(got));
    else if (errno != EINTR)
      break;
  }
  return text;
}

/// In the child, after fork: only calls that are allowed there. Does not return.
[[noreturn]] void become(char* const* words, int standard_output, int error_pipe, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  // The launcher has blocked signals, and a mask survives exec: the program could not be stopped by any of them.
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // A group of its own: the terminal's Ctrl-C then comes to the launcher alone, which passes it on once.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // a launcher that is killed takes its program along
  // The parent may have died before prctl had taken hold.
  if (getppid() != parent) _exit(127);
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing >= 0) dup2(nothing, STDIN_FILENO);
  if (standard_output >= 0) dup2(standard_output, STDOUT_FILENO);
  execvp(words[0], words);
  const int error = errno;
  (void)!write(error_pipe, &error, sizeof error);
  _exit(127);
}

pid_t start_program(const std::vector<std::string>& words, int standard_output) {
  // Before fork: the child of a process with threads may not allocate.
  std::vector<std::string> copies = words;
  std::vector<char*> pointers;
  for (std::string& word : copies) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  Pipe errors;
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw IoError(fmt::format("cannot start {}: {}", words[0], std::strerror(errno)));
  if (child == 0) become(pointers.data(), standard_output, errors.ends[1], parent);
  setpgid(child, child);  // here too: whoever comes first
  errors.close_end(1);
  int error = 0;
  // The pipe closes when exec succeeds; until then nothing comes, so this also waits for the program to be there.
  const std::string told = read_all(errors.ends[0]);  // nothing when exec has worked
  if (told.size() != sizeof error) return child;
  std::memcpy(&error, told.data(), sizeof error);
  waitpid(child, nullptr, 0);
  throw IoError(fmt::format("cannot start '{}': {}", words[0], std::strerror(error)));
}

/// All living processes below this one.
std::set<pid_t> descendants() {
  std::vector<std::pair<pid_t, pid_t>> parents;  // process, its parent
  std::set<pid_t> dead;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const auto process = parse_integer(entry.path().filename().string());
    const auto status = process ? process_status(static_cast<pid_t>(*process)) : std::nullopt;
    if (!status) continue;
    parents.emplace_back(static_cast<pid_t>(*process), status->parent);
    if (status->is_dead()) dead.insert(static_cast<pid_t>(*process));
  }
  std::set<pid_t> found = {getpid()};
  // The dead lead to the living, too: one may have been looked at just before its parent died, and is ours all the same.
  for (std::size_t before = 0; before != found.size();) {
    before = found.size();
    for (const auto& [process, parent] : parents)
      if (found.contains(parent)) found.insert(process);
  }
  found.erase(getpid());
  for (const pid_t process : dead) found.erase(process);
  return found;
}

}  // namespace

Processes::Processes() {
  const sigset_t set = watched_signals();
  // They wait until wait() takes them.
  sigprocmask(SIG_BLOCK, &set, nullptr);
  // Orphans of mpirun become our children, so that none is overlooked.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Processes::~Processes() {
  end_all(0.0);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  const sigset_t set = watched_signals();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void Processes::start(const std::vector<std::string>& words) { child_ = start_program(words, -1); }

std::optional<Ending> Processes::reap() {
  std::optional<Ending> ended;
  int status = 0;
  for (pid_t process = 0; (process = waitpid(-1, &status, WNOHANG)) > 0;) {
    // Orphans that became our children are taken off the list of processes, and told to nobody.
    if (process != child_) continue;
    ended = ending_of(status);
    child_ = -1;
  }
  return ended;
}

Processes::Event Processes::wait(double seconds) {
  if (const auto ended = reap()) return {ended, 0};
  const sigset_t set = watched_signals();
  timespec time = {};
  time.tv_sec = static_cast<time_t>(seconds);
  time.tv_nsec = static_cast<long>((seconds - std::floor(seconds)) * 1e9);
  const int signal = sigtimedwait(&set, nullptr, &time);
  if (signal == SIGCHLD) return {reap(), 0};
  return {std::nullopt, std::max(signal, 0)};
}

void Processes::send(int signal) const {
  if (child_ > 0) kill(child_, signal);
}

int Processes::end_all(double grace_s) {
  for (const double end_s = now_s() + grace_s; now_s() < end_s && !descendants().empty();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    reap();
  }
  std::set<pid_t> killed;
  for (std::set<pid_t> left; !(left = descendants()).empty();) {
    for (const pid_t process : left) kill(process, SIGKILL);
    killed.merge(left);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // one that was forked meanwhile is found in the next round
    reap();
  }
  reap();
  return static_cast<int>(killed.size());
}

std::string output_of(const std::vector<std::string>& words, Ending& ending) {
  Pipe output;
  const pid_t child = start_program(words, output.ends[1]);
  output.close_end(1);
  const std::string text = read_all(output.ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ending = ending_of(status);
  return text;
}

bool Ending::is_abnormal() const noexcept {
  // mpirun has codes of its own, as for a rank that died: those are worth another attempt, ours say what is wrong.
  return signal != 0 ||
         std::none_of(skyfold_codes.begin(), skyfold_codes.end(), [this](ExitCode code) { return static_cast<int>(code) == exit_code; });
}

std::string Ending::text() const {
  if (signal != 0) return fmt::format("signal {}", sigabbrev_np(signal) ? sigabbrev_np(signal) : std::to_string(signal));
  return fmt::format("exit code {}", exit_code);
}

}  // namespace skyfold
