// A keeper: starts the program of a job, reads what it says, and sees to it that nothing of it is left. It has adopted all orphans below
// it (PR_SET_CHILD_SUBREAPER) and has no other children: when the system says that it has no child, nothing that came of the job lives.
// It ends when its agent does, which it learns from their socket; should it be killed itself, the program gets the signal of its
// parent's death, and what else there was becomes the agent's.
#include "keeper.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>
#include <thread>

#include "job_files.hpp"
#include "orphans.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/run/programs.hpp"
#include "skyfold/workflow/agent.hpp"

namespace skyfold::workflow {
namespace {

constexpr double never = 1e18;
constexpr double first_look_s = 0.01, look_s = 2.0, look_at_limit_s = 0.1;
constexpr double own_signal_patience_s = 0.1;
constexpr std::string_view end_word = "end ";

std::vector<std::string> inherited_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable; ++variable)
    if (!is_of_launcher(*variable)) variables.emplace_back(*variable);
  return variables;
}

void set_variable(std::vector<std::string>& variables, const std::string& name, const std::string& value) {
  std::erase_if(variables,
                [&name](const std::string& v) { return v.size() > name.size() && v[name.size()] == '=' && v.starts_with(name); });
  variables.push_back(name + "=" + value);
}

/// The processes below this one as /proc lists children: without those that move while it is read.
void add_children(pid_t process, std::vector<pid_t>& found) {
  const std::string tasks = fmt::format("/proc/{}/task", process);
  std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(tasks.c_str()), closedir);
  while (const dirent* entry = folder ? readdir(folder.get()) : nullptr) {
    if (entry->d_name[0] == '.') continue;
    for (const std::string& child : split(trim(read_small_file(fmt::format("{}/{}/children", tasks, entry->d_name))), ' ')) {
      const auto number = static_cast<pid_t>(parse_integer(child).value_or(0));
      if (number <= 0 || std::find(found.begin(), found.end(), number) != found.end()) continue;
      found.push_back(number);
      add_children(number, found);
    }
  }
}

struct Memory {
  std::int64_t together = 0, largest = 0;
};

/// Of all processes of the job: what is theirs and in no file, and the peak of the largest.
Memory memory_of_job() {
  std::vector<pid_t> processes;
  add_children(getpid(), processes);
  Memory memory;
  for (const pid_t process : processes) {
    const std::string status = read_small_file(fmt::format("/proc/{}/status", process));
    const auto kilobytes = [&status](std::string_view name) -> std::int64_t {
      const std::size_t at = status.find(name);
      return at == std::string::npos ? 0 : std::strtoll(status.c_str() + at + name.size(), nullptr, 10);
    };
    memory.together += 1024 * (kilobytes("\nRssAnon:") + kilobytes("\nRssShmem:"));
    memory.largest = std::max(memory.largest, 1024 * kilobytes("\nVmHWM:"));
  }
  return memory;
}

double seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec); }

std::int64_t peak_of(int who) {
  rusage usage = {};
  getrusage(who, &usage);
  return std::int64_t{1024} * usage.ru_maxrss;
}

/// The agent is gone: nothing is to be told to anybody.
struct AgentGone {};

/// One job, from its order to its end.
class Job {
 public:
  Job(const KeeperSetting& setting, const Order& order, int signals, const std::vector<std::string>& environment)
      : setting_(setting),
        order_(order),
        signals_(signals),
        log_(order.log, order.attempt, order.log_bytes, values_of_variables(order.hidden)) {
    end_.job = order.job;
    end_.attempt = order.attempt;
    variables_ = environment;
  }

  EndRecord run() {
    const double start_s = now_s();
    try {
      start();
      watch();
      finish();
    } catch (const Error& error) {
      end_all_processes();
      end_.how = "failed";
      end_.message = error.what();
    }
    log_.end_output();
    if (end_.how != "completed") log_.remark(fmt::format("attempt {} {}: {}", order_.attempt, end_.how, end_.message));
    end_.wall_s = now_s() - start_s;
    end_.time_s = unix_time_s();
    return std::move(end_);
  }

 private:
  void set_environment() {
    set_variable(variables_, "SKYFOLD_PIPELINE", setting_.home);
    set_variable(variables_, agent_variable, setting_.identity);
    set_variable(variables_, "SKYFOLD_JOB", std::to_string(order_.job));
    set_variable(variables_, "SKYFOLD_ATTEMPT", std::to_string(order_.attempt));
    if (!order_.scratch.empty()) {
      set_variable(variables_, "SKYFOLD_OUT", order_.scratch);
      set_variable(variables_, "SKYFOLD_EVENTS", events_path(order_.scratch));
    }
    for (const auto& [name, value] : order_.environment) set_variable(variables_, name, value);
  }

  void start() {
    if (!order_.scratch.empty()) {
      make_scratch(order_.scratch);
      unlink(events_path(order_.scratch).c_str());
    }
    set_environment();
    floor_ = std::max(peak_of(RUSAGE_SELF), peak_memory_bytes());
    program_ = start_program({.words = order_.words,
                              .environment = &variables_,
                              .folder = order_.folder,
                              .output = pipe_.ends[1],
                              .errors = pipe_.ends[1],
                              .death_signal = SIGKILL});
    fcntl(pipe_.ends[0], F_SETFL, O_NONBLOCK);
    pipe_.close_end(1);
    if (order_.timeout_s > 0.0) timeout_at_s_ = now_s() + order_.timeout_s;
    next_look_s_ = now_s() + look_interval_s_;
  }

  /// Until the program has ended.
  void watch() {
    while (!status_) {
      const double wait_s = std::min({timeout_at_s_, kill_at_s_, next_look_s_}) - now_s();
      std::array<pollfd, 3> sources = {pollfd{signals_, POLLIN, 0}, pollfd{setting_.socket, POLLIN, 0}, pollfd{pipe_.ends[0], POLLIN, 0}};
      poll(sources.data(), sources.size(), wait_s <= 0.0 ? 0 : static_cast<int>(std::ceil(1000.0 * std::min(wait_s, 10.0))));
      if (sources[2].revents != 0) read_output();
      if (sources[1].revents != 0) listen();
      if (sources[0].revents != 0) take_signals();
      if (!status_) look_at_clock();
    }
  }

  void read_output() {
    std::array<char, 65536> block;
    // Some at a time: a program that never stops to write must not keep us from all else.
    for (int count = 0; pipe_.ends[0] >= 0 && count < 16; ++count) {
      const ssize_t got = read(pipe_.ends[0], block.data(), block.size());
      if (got > 0)
        log_.add({block.data(), static_cast<std::size_t>(got)});
      else if (got == 0)
        pipe_.close_end(0);
      else if (errno != EINTR)
        return;
    }
  }

  /// The agent speaks during a job for one reason only.
  void listen() {
    std::array<char, 64> block;
    const ssize_t got = recv(setting_.socket, block.data(), block.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) throw AgentGone();
    const std::string_view line(block.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (!line.starts_with(end_word)) return;
    is_ended_ = true;
    begin_end(parse_double(trim(line.substr(end_word.size()))).value_or(0.0), "ended with the pipeline's run");
  }

  void take_signals() {
    std::array<signalfd_siginfo, 16> infos;
    for (ssize_t got = 0; (got = read(signals_, infos.data(), sizeof infos)) > 0;)
      for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof infos[0]; ++i)
        if (infos[i].ssi_signo != SIGCHLD) is_asked_ = true;
    if (getppid() != setting_.agent) throw AgentGone();
    reap();
  }

  /// @returns whether a child is left
  bool reap() {
    int status = 0;
    rusage usage = {};
    pid_t process = 0;
    while ((process = wait4(-1, &status, WNOHANG, &usage)) > 0) {
      end_.cpu_s += seconds(usage.ru_utime) + seconds(usage.ru_stime);
      // A program's first page is that of this process, whose peak it inherits: less than that tells nothing.
      const std::int64_t peak = std::int64_t{1024} * usage.ru_maxrss;
      if (peak > floor_) end_.memory_bytes = std::max(end_.memory_bytes, peak);
      if (process == program_) status_ = status;
    }
    return process == 0;
  }

  void look_at_clock() {
    const double now = now_s();
    if (now >= kill_at_s_) {
      kill_at_s_ = never;
      end_all_processes();
      return;
    }
    if (now >= timeout_at_s_) {
      end_.timed_out = true;
      begin_end(order_.grace_s, fmt::format("not done within {:.6g} s (timeout)", order_.timeout_s));
    }
    if (now < next_look_s_) return;
    look_interval_s_ = std::min(2.0 * look_interval_s_, order_.memory_bytes > 0 ? look_at_limit_s : look_s);
    next_look_s_ = now + look_interval_s_;
    const Memory memory = memory_of_job();
    end_.memory_bytes = std::max(end_.memory_bytes, memory.largest);
    if (order_.memory_bytes <= 0 || memory.together <= order_.memory_bytes || !why_.empty()) return;
    why_ = fmt::format("used {} bytes of memory, more than its {} (memory)", grouped(memory.together), grouped(order_.memory_bytes));
    end_all_processes();
  }

  /// SIGTERM now, SIGKILL after a grace.
  void begin_end(double grace_s, std::string why) {
    timeout_at_s_ = never;
    kill_at_s_ = std::min(kill_at_s_, now_s() + grace_s);
    if (why_.empty()) why_ = std::move(why);
    if (grace_s <= 0.0) return;
    for (const int signal : {SIGTERM, SIGCONT}) {
      kill(-program_, signal);
      for (const pid_t process : descendants())
        if (getpgid(process) != program_) kill(process, signal);
    }
  }

  /// Returns when nothing that came of the program lives. Processes move (setsid, fork) while others are killed: as long as the system
  /// says that this process has a child there is another round.
  void end_all_processes() {
    for (int round = 0; reap(); ++round) {
      for (const pid_t process : descendants()) kill(process, SIGKILL);
      if (round > 0) std::this_thread::sleep_for(std::chrono::milliseconds(std::min(round, 50)));
    }
  }

  void finish() {
    end_all_processes();
    // A pipe holds 64 KiB, or a megabyte where the program has asked for it: all of it is read, since nobody writes any more.
    while (pipe_.ends[0] >= 0 && holds_output()) read_output();
    log_.end_output();
    if (WIFSIGNALED(*status_))
      end_.signal = WTERMSIG(*status_);
    else
      end_.exit_code = WEXITSTATUS(*status_);
    if (is_ended_ || (!is_good() && was_asked()))
      set_end("lost", why_.empty() ? "ended from outside, together with its worker" : why_);
    else if (!is_good())
      set_end("failed", reason());
    else
      complete();
  }

  [[nodiscard]] bool holds_output() const {
    pollfd source = {pipe_.ends[0], POLLIN, 0};
    return poll(&source, 1, 0) > 0;
  }

  [[nodiscard]] bool is_good() const { return why_.empty() && end_.signal == 0 && end_.exit_code == 0; }

  /// Whether we were asked to stop, too, as by a batch system that signals all processes: then this is no failure of the job.
  [[nodiscard]] bool was_asked() {
    if (!why_.empty()) return false;
    const bool may_be =
        end_.signal == SIGTERM || end_.signal == SIGINT || end_.signal == SIGUSR1 || end_.exit_code == 75 || end_.exit_code > 128;
    for (const double until_s = now_s() + own_signal_patience_s; may_be && !is_asked_ && now_s() < until_s;) {
      pollfd source = {signals_, POLLIN, 0};
      if (poll(&source, 1, 10) > 0) take_signals();
    }
    return is_asked_;
  }

  [[nodiscard]] std::string reason() const {
    if (!why_.empty()) return why_;
    const std::string line = log_.last_line();
    if (end_.signal == 0) return line.empty() ? fmt::format("exit code {}, and not a word", end_.exit_code) : line;
    const char* name = sigabbrev_np(end_.signal);
    return fmt::format("killed by signal {}{}{}", name ? name : std::to_string(end_.signal),
                       end_.signal == SIGKILL ? ", not by the pipeline (out of memory?)" : "", line.empty() ? "" : ": " + line);
  }

  void complete() {
    set_end("completed", "");
    if (!order_.scratch.empty()) {
      end_.events = events_in(events_path(order_.scratch));
      end_.outputs = outputs_in(order_.scratch);
    }
    if (!log_.trouble().empty()) throw IoError(log_.trouble());
  }

  void set_end(const char* how, std::string message) {
    end_.how = how;
    end_.message = std::move(message);
  }

  const KeeperSetting& setting_;
  const Order& order_;
  int signals_;
  JobLog log_;
  Pipe pipe_;
  EndRecord end_;
  std::vector<std::string> variables_;
  pid_t program_ = -1;
  std::optional<int> status_;
  std::string why_;  ///< we ended it
  bool is_asked_ = false, is_ended_ = false;
  std::int64_t floor_ = 0;
  double timeout_at_s_ = never, kill_at_s_ = never, next_look_s_ = never, look_interval_s_ = first_look_s;
};

/// Takes no part in what its agent has open: not in its locks either.
void close_inherited(int kept) {
  const auto number = static_cast<unsigned>(kept);
  if (kept > 3) close_range(3, number - 1, 0);
  if (close_range(number + 1, ~0U, 0) == 0) return;
  for (const std::string& name : names_in("/proc/self/fd"))  // a system older than that call
    if (const auto other = parse_integer(name); other && *other > 2 && *other != kept) close(static_cast<int>(*other));
}

/// Signals come one by one from the descriptor returned.
int signals_in_order() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGHUP}) sigaddset(&set, signal);
  sigprocmask(SIG_SETMASK, &set, nullptr);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void settle(const KeeperSetting& setting) {
  setpgid(0, 0);  // the terminal's Ctrl-C is the agent's
  prctl(PR_SET_NAME, "skyfold keeper");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  close_inherited(setting.socket);
  const int nothing = open("/dev/null", O_RDWR);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing, stream);
  if (nothing > STDERR_FILENO) close(nothing);
}

/// The next order; nothing when the agent is gone.
std::optional<Order> next_order(const KeeperSetting& setting, int signals, std::string& text) {
  std::array<pollfd, 2> sources = {pollfd{signals, POLLIN, 0}, pollfd{setting.socket, POLLIN, 0}};
  for (std::size_t end = 0;;) {
    while ((end = text.find('\n')) != std::string::npos) {
      const std::string line = text.substr(0, end + 1);
      text.erase(0, end + 1);
      if (!line.starts_with(end_word)) return order_of_line(line);  // else it came when the job had just ended
    }
    poll(sources.data(), sources.size(), -1);
    std::array<signalfd_siginfo, 16> infos;
    while (read(signals, infos.data(), sizeof infos) > 0) {
    }
    if (getppid() != setting.agent) return std::nullopt;
    std::array<char, 8192> block;
    const ssize_t got = recv(setting.socket, block.data(), block.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return std::nullopt;
    if (got > 0) text.append(block.data(), static_cast<std::size_t>(got));
  }
}

bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (done < 0 && errno != EINTR) return false;
    text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(done, 0)));
  }
  return true;
}

void kill_all_below() {
  for (int status = 0; waitpid(-1, &status, WNOHANG) >= 0;) {
    for (const pid_t process : descendants()) kill(process, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void keep(const KeeperSetting& setting) {
  settle(setting);
  const int signals = signals_in_order();
  const std::vector<std::string> environment = inherited_environment();
  std::string text;
  while (const std::optional<Order> order = next_order(setting, signals, text))
    if (!send_all(setting.socket, line_of(Job(setting, *order, signals, environment).run()))) return;
}

}  // namespace

std::string end_line(double grace_s) { return fmt::format("{}{}\n", end_word, grace_s); }

void be_keeper(const KeeperSetting& setting) noexcept {
  try {
    keep(setting);
  } catch (...) {  // AgentGone, or memory is out: nothing of the job may be left
    try {
      kill_all_below();
    } catch (...) {
      _exit(1);
    }
  }
  _exit(0);
}

}  // namespace skyfold::workflow
