// Runs a function in a child process, for libraries that crash or loop on damaged files: the child dies in our place, and the
// parent tells the user what its death means.
#include "source_child.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

/// What the child sends: a code and a text, complete or not at all.
struct Reply {
  int code = 0;  ///< 0 for a result, else the ExitCode of an error
  std::string text;
};

void write_all(int descriptor, const void* data, std::size_t bytes) {
  const char* p = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t done = ::write(descriptor, p, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) ::_exit(1);
    p += done;
    bytes -= static_cast<std::size_t>(done);
  }
}

Reply reply_of(const std::function<std::string()>& action) {
  try {
    return {0, action()};
  } catch (const Error& error) {
    return {static_cast<int>(error.code()), error.what()};
  } catch (const std::exception& error) {
    return {static_cast<int>(ExitCode::bug), error.what()};
  }
}

/// The child's life: quiet, bounded, without the handlers and the core dumps of its parent.
[[noreturn]] void live_as_child(int out, unsigned most_cpu_s, const std::function<std::string()>& action) {
  // Its parent would else write a note of a crash that was none of the run's.
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTERM, SIGINT, SIGUSR1}) std::signal(signal, SIG_DFL);
  // The hard limit is behind the soft one: at that the system sends another signal than where memory runs out.
  const rlimit no_core{0, 0}, cpu{most_cpu_s, most_cpu_s + 5};
  ::setrlimit(RLIMIT_CORE, &no_core);
  // A loop without end is ended by the system.
  ::setrlimit(RLIMIT_CPU, &cpu);
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  const Reply reply = reply_of(action);
  std::string message(sizeof reply.code, '\0');
  std::memcpy(message.data(), &reply.code, sizeof reply.code);
  message += reply.text;
  // The length first: a child that dies in the middle of writing has not answered.
  const std::size_t size = message.size();
  write_all(out, &size, sizeof size);
  write_all(out, message.data(), size);
  ::_exit(0);  // nothing of the parent's is flushed or destroyed twice
}

/// Everything that arrives until the other end is closed.
std::string read_all(int descriptor) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

[[noreturn]] void throw_as(const Reply& reply) {
  switch (static_cast<ExitCode>(reply.code)) {
    case ExitCode::usage:
      throw UsageError(reply.text);
    case ExitCode::data:
      throw DataError(reply.text);
    case ExitCode::io:
      throw IoError(reply.text);
    default:
      throw Error(static_cast<ExitCode>(reply.code), reply.text);
  }
}

}  // namespace

bool was_killed(int status) noexcept { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

std::string run_in_child(const std::function<std::string()>& action, const std::string& if_it_dies, unsigned most_cpu_s) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw IoError(fmt::format("no pipe for a child process ({})", std::strerror(errno)));
  const pid_t child = ::fork();
  if (child == 0) live_as_child(ends[1], most_cpu_s, action);
  // Else reading would never end: this process would hold the pipe open itself.
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    throw IoError(fmt::format("no child process ({})", std::strerror(errno)));
  }
  // Read before waiting: a full pipe would keep the child from ending.
  const std::string message = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::size_t size = 0;
  Reply reply;
  if (message.size() >= sizeof size) std::memcpy(&size, message.data(), sizeof size);
  // No complete answer, however the child ended: exit codes and signals of a library gone wild tell nothing.
  if (size < sizeof reply.code || message.size() != sizeof size + size) {
    // The first words name the file.
    if (was_killed(status)) throw IoError(if_it_dies.substr(0, if_it_dies.find(": ")) + killed_child);
    throw DataError(if_it_dies);
  }
  std::memcpy(&reply.code, message.data() + sizeof size, sizeof reply.code);
  reply.text = message.substr(sizeof size + sizeof reply.code);
  if (reply.code != 0) throw_as(reply);
  return reply.text;
}

}  // namespace skyfold
