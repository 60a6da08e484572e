// Starting other programs and ending them with all that they started, for launch and replay: signals are taken one by one from a
// queue, so that none comes at a bad time.
#include "skyfold/run/child_processes.hpp"

#include <fmt/core.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <set>
#include <thread>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/run/programs.hpp"

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

void Processes::start(const std::vector<std::string>& words) { child_ = start_program({words}); }

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
  const pid_t child = start_program({.words = words, .output = output.ends[1]});
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
