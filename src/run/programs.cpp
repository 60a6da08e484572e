// Programs started by vfork, which costs the same however large this process is, and the processes that come of them. Between vfork and
// exec only calls are made that are allowed in a signal handler (POSIX.1-2017, async-signal-safe): the child works in its parent's memory.
#include "skyfold/run/programs.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "skyfold/core/error.hpp"
#include "skyfold/core/process_status.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// All that the child needs, made before it is there: it may not allocate.
struct Prepared {
  const char* program = nullptr;
  const char* folder = nullptr;
  char* const* words = nullptr;
  char* const* environment = nullptr;
  int input = -1, output = -1, errors = -1, death_signal = SIGTERM, error_pipe = -1;
  pid_t parent = 0;
};

/// Why it could not be started.
struct StartError {
  int error = 0;
  bool is_folder = false;
};

[[noreturn]] void give_up(const Prepared& p, bool is_folder) {
  const StartError error = {errno, is_folder};
  (void)!write(p.error_pipe, &error, sizeof error);
  _exit(127);
}

void forget_signal_settings() {
  // What is ignored or blocked stays so over exec, and the program could not be stopped by it.
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGHUP, SIGCHLD, SIGPIPE, SIGXFSZ}) {
    struct sigaction action = {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// In the child. Does not return.
[[noreturn]] void become(const Prepared& p) {
  forget_signal_settings();
  // A group of its own: the terminal's Ctrl-C then comes to the launcher alone, which passes it on once.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, p.death_signal);  // a launcher that is killed takes its program along
  // The parent may have died before prctl had taken hold.
  if (getppid() != p.parent) _exit(127);
  const int nothing = p.input >= 0 ? -1 : open("/dev/null", O_RDONLY);
  if (p.input >= 0 || nothing >= 0) dup2(std::max(p.input, nothing), STDIN_FILENO);
  if (nothing > STDERR_FILENO) close(nothing);
  if (p.output >= 0) dup2(p.output, STDOUT_FILENO);
  if (p.errors >= 0) dup2(p.errors, STDERR_FILENO);
  if (p.folder && chdir(p.folder) != 0) give_up(p, true);
  execvpe(p.program, p.words, p.environment);
  give_up(p, false);
}

/// Nothing but the call: the child returns into no frame but this one.
[[gnu::noinline]] pid_t vfork_to(const Prepared& p) {
  const pid_t child = vfork();
  if (child == 0) become(p);
  return child;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Where the PATH of the program's own environment has it, which may be another than ours; the name itself for execvpe to look for when
/// there is no PATH.
std::string found_program(const std::string& name, const std::vector<std::string>& environment) {
  if (name.find('/') != std::string::npos) return name;
  const auto path = std::find_if(environment.begin(), environment.end(), [](const std::string& v) { return v.starts_with("PATH="); });
  if (path == environment.end()) return name;
  for (const std::string& folder : split(path->substr(5), ':')) {
    const std::string program = (folder.empty() ? "." : folder) + "/" + name;
    struct stat status = {};
    if (access(program.c_str(), X_OK) == 0 && stat(program.c_str(), &status) == 0 && S_ISREG(status.st_mode)) return program;
  }
  throw IoError(fmt::format("cannot start '{}': no such program is on its PATH", name));
}

pid_t start_prepared(Prepared& p, const ProgramStart& start) {
  Pipe errors;
  p.error_pipe = errors.ends[1];
  p.parent = getpid();
  const pid_t child = vfork_to(p);
  if (child < 0) throw IoError(fmt::format("cannot start {}: {}", start.words[0], std::strerror(errno)));
  setpgid(child, child);  // here too: whoever comes first
  errors.close_end(1);
  // The pipe closes when exec succeeds; until then nothing comes, so this also waits for the program to be there.
  const std::string told = read_all(errors.ends[0]);
  StartError error;
  if (told.size() != sizeof error) return child;
  std::memcpy(&error, told.data(), sizeof error);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  throw IoError(error.is_folder
                    ? fmt::format("cannot start '{}' in the folder '{}': {}", start.words[0], start.folder, std::strerror(error.error))
                    : fmt::format("cannot start '{}': {}", start.words[0], std::strerror(error.error)));
}

}  // namespace

Pipe::Pipe() {
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw IoError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
}

Pipe::~Pipe() {
  close_end(0);
  close_end(1);
}

void Pipe::close_end(std::size_t which) {
  if (ends[which] >= 0) close(ends[which]);
  ends[which] = -1;
}

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

pid_t start_program(const ProgramStart& start) {
  std::vector<std::string> words = start.words;
  const std::vector<char*> word_pointers = pointers_to(words);
  std::vector<std::string> variables;
  if (start.environment) variables = *start.environment;
  const std::vector<char*> variable_pointers = pointers_to(variables);
  const std::string program = start.environment ? found_program(words[0], variables) : words[0];
  Prepared p;
  p.program = program.c_str();
  p.folder = start.folder.empty() ? nullptr : start.folder.c_str();
  p.words = word_pointers.data();
  p.environment = start.environment ? variable_pointers.data() : environ;
  p.input = start.input;
  p.output = start.output;
  p.errors = start.errors;
  p.death_signal = start.death_signal;
  return start_prepared(p, start);
}

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

}  // namespace skyfold
