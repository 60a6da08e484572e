// The child process with DuckDB in it. It lives as long as there are questions; a file that it dies of costs the file, not the run.
// It ends by itself when this process does, however that ends: then the other end of its socket is closed.
#include "duckdb_child.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <utility>

#include "duckdb_answers.hpp"
#include "skyfold/core/error.hpp"
#include "source_child.hpp"

namespace skyfold {
namespace {

constexpr unsigned most_cpu_s = 120;                             // per question: a damaged file can make a library loop
constexpr rlim_t most_memory = rlim_t{4} << 30;                  // beyond what is mapped at the start
constexpr std::int64_t longest_message = std::int64_t{1} << 32;  // bytes

/// False when the other end is closed.
bool send_all(int socket, const void* data, std::size_t bytes) {
  const char* p = static_cast<const char*>(data);
  while (bytes > 0) {
    // A child that died must be an error here and no SIGPIPE, which would end this process.
    const ssize_t done = ::send(socket, p, bytes, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    p += done;
    bytes -= static_cast<std::size_t>(done);
  }
  return true;
}

bool receive_all(int socket, void* data, std::size_t bytes) {
  char* p = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = ::recv(socket, p, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    p += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

bool send_message(int socket, const std::string& text) {
  const auto size = static_cast<std::int64_t>(text.size());
  return send_all(socket, &size, sizeof size) && send_all(socket, text.data(), text.size());
}

bool receive_message(int socket, std::string& text) {
  std::int64_t size = 0;
  if (!receive_all(socket, &size, sizeof size) || size < 0 || size > longest_message) return false;
  text.resize(static_cast<std::size_t>(size));
  return receive_all(socket, text.data(), text.size());
}

/// Bytes of address space in use.
rlim_t mapped_bytes() {
  std::ifstream in("/proc/self/statm");
  rlim_t pages = 0;
  in >> pages;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

void limit_child() {
  // No core files: a crash of the child is expected of damaged files, and is told as such.
  const rlimit no_core{0, 0}, memory{mapped_bytes() + most_memory, RLIM_INFINITY};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::setrlimit(RLIMIT_AS, &memory);
}

/// Processor time for the next question.
void limit_cpu() {
  rusage used{};
  // The limit is of the whole process, so each question gets it on top of what was used before.
  ::getrusage(RUSAGE_SELF, &used);
  const rlimit cpu{static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + most_cpu_s, RLIM_INFINITY};
  ::setrlimit(RLIMIT_CPU, &cpu);
}

/// A code, 0 or the exit code of an error, and the answer or the message behind it.
std::string reply_of(std::int64_t code, const std::string& text) {
  ChildMessage packet;
  packet.put(code);
  packet.put(std::string_view(text));
  return packet.bytes();
}

std::string reply_to(std::unique_ptr<DuckDbAnswers>& answers, std::span<std::byte> window, std::string question) {
  try {
    // The library is opened by the first question, so that what is wrong with it is an answer.
    if (!answers) answers = std::make_unique<DuckDbAnswers>(window);
    return reply_of(0, answers->answer(ChildMessage(std::move(question))).bytes());
  } catch (const Error& error) {
    return reply_of(static_cast<std::int64_t>(error.code()), error.what());
  } catch (const std::exception& error) {
    return reply_of(static_cast<std::int64_t>(ExitCode::io), error.what());
  }
}

[[noreturn]] void live_as_child(int socket, std::span<std::byte> window) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) std::signal(signal, SIG_DFL);
  // Batch systems send these to all processes: the parent decides when it stops, and its reading must not fail before.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);
  // Nothing of the parent's stays open, neither its files and sockets nor the other end of ours.
  ::dup2(socket, 3);
  ::close_range(4, ~0U, 0);
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, stream);
  limit_child();
  std::unique_ptr<DuckDbAnswers> answers;
  std::string question;
  while (receive_message(3, question)) {
    limit_cpu();
    if (!send_message(3, reply_to(answers, window, std::move(question)))) break;
  }
  ::_exit(0);  // nothing of the parent's is flushed or destroyed twice
}

[[noreturn]] void throw_as(std::int64_t code, const std::string& message) {
  switch (static_cast<ExitCode>(code)) {
    case ExitCode::usage:
      throw UsageError(message);
    case ExitCode::data:
      throw DataError(message);
    default:
      throw IoError(message);
  }
}

/// DuckDB knows files by descriptors of its process, which tell a user nothing.
std::string without_descriptor(std::string message) {
  constexpr std::string_view begin = "'/proc/self/fd/";
  for (std::size_t at = message.find(begin); at != std::string::npos; at = message.find(begin, at)) {
    const std::size_t end = message.find('\'', at + begin.size());
    message.replace(at, end == std::string::npos ? end : end + 1 - at, "the file");
  }
  return message;
}

/// The child, and the window that it shares with this process.
class DuckDbProcess {
 public:
  DuckDbProcess() {
    void* memory = ::mmap(nullptr, duckdb_window_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw IoError(fmt::format("no memory to share with DuckDB's process ({})", std::strerror(errno)));
    window_ = {static_cast<std::byte*>(memory), duckdb_window_bytes};
  }
  ~DuckDbProcess() {
    end();
    ::munmap(window_.data(), window_.size());
  }
  DuckDbProcess(const DuckDbProcess&) = delete;
  DuckDbProcess& operator=(const DuckDbProcess&) = delete;

  [[nodiscard]] std::span<std::byte> window() const noexcept { return window_; }

  ChildMessage ask(const ChildMessage& question, const std::string& path) {
    if (socket_ < 0) start();
    const bool writes = ChildMessage(question.bytes()).number() >= static_cast<std::int64_t>(DuckDbQuestion::create);
    std::string reply;
    if (!send_message(socket_, question.bytes()) || !receive_message(socket_, reply)) {
      if (was_killed(end())) throw IoError(path + killed_child);
      if (writes) throw IoError(fmt::format("{}: cannot be written (DuckDB's process has died)", path));
      throw DataError(fmt::format("{}: is damaged (DuckDB crashes on it)", path));
    }
    ChildMessage packet(std::move(reply));
    const std::int64_t code = packet.number();
    std::string text = packet.text();
    // Messages about the library itself begin with its name or that of the variable; all else is about the file.
    if (code != 0 && (text.find("libduckdb.so") != std::string::npos || text.starts_with("SKYFOLD_DUCKDB"))) throw_as(code, text);
    if (code != 0)
      throw_as(code,
               fmt::format("{}: cannot be {} as Parquet ({})", path, writes ? "written" : "read", without_descriptor(std::move(text))));
    return ChildMessage(std::move(text));
  }

 private:
  void start() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      throw IoError(fmt::format("no socket for DuckDB's process ({})", std::strerror(errno)));
    // A fork without exec: the shared window is there on both sides, and no other program has to be found.
    child_ = ::fork();
    if (child_ == 0) live_as_child(ends[1], window_);
    ::close(ends[1]);
    socket_ = ends[0];
    if (child_ < 0) {
      const int error = errno;
      end();
      throw IoError(fmt::format("no child process for DuckDB ({})", std::strerror(error)));
    }
  }

  /// Returns how the child ended, if it did so by itself; else 0.
  int end() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    int status = 0;
    if (child_ > 0 && !has_ended(status)) {
      // It may hang in a damaged file; there is nothing in it to save.
      ::kill(child_, SIGKILL);
      while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
      }
      status = 0;  // that was this process
    }
    child_ = -1;
    return status;
  }

  /// A process that dies closes its files a moment before its end can be asked for.
  [[nodiscard]] bool has_ended(int& status) const {
    constexpr int tries = 50;
    constexpr useconds_t pause_us = 2000;
    for (int i = 0; i < tries; ++i) {
      const pid_t ended = ::waitpid(child_, &status, WNOHANG);
      if (ended == child_) return true;
      if (ended < 0 && errno != EINTR) return false;
      ::usleep(pause_us);
    }
    return false;
  }

  std::span<std::byte> window_;
  int socket_ = -1;
  pid_t child_ = -1;
};

DuckDbProcess& process() {
  // One for the whole process, started by the first Parquet file: runs without one have no child.
  static DuckDbProcess process;
  return process;
}

std::recursive_mutex& turn() {
  // Recursive, since a turn spans several questions, each of which locks for itself.
  static std::recursive_mutex mutex;
  return mutex;
}

}  // namespace

ChildMessage ask_duckdb(const ChildMessage& question, const std::string& path) {
  const std::lock_guard lock(turn());
  return process().ask(question, path);
}

std::span<std::byte> duckdb_window() { return process().window(); }

DuckDbTurn::DuckDbTurn() { turn().lock(); }
DuckDbTurn::~DuckDbTurn() { turn().unlock(); }

}  // namespace skyfold
