// Signals: those that ask for a stop set a flag that the work looks at between its steps; those of a crash write a prepared note,
// by calls alone that signal handlers may make (POSIX.1-2017, async-signal-safe), and then act as usual.
#include "skyfold/core/signals.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr std::array stop_signals = {SIGTERM, SIGINT, SIGUSR1};
constexpr std::array crash_signals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

#ifdef __SANITIZE_ADDRESS__
constexpr bool has_other_handlers = true;
#else
constexpr bool has_other_handlers = false;
#endif

std::atomic<int> requested = 0;

struct Note {
  char text[200];
  std::atomic<std::size_t> size = 0;
};
std::array<Note, 2> notes;  // one is written while the other stands
std::atomic<unsigned> current_note = 0;
char crash_path[4096];

void handle(int signal, void (*handler)(int)) noexcept {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;  // reads and writes go on: the stop is looked at between them
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

void note_stop(int signal) { requested.store(signal); }

/// Only calls that are allowed in a signal handler.
void write_note(int signal) {
  const Note& note = notes[current_note.load() % 2];
  const std::size_t size = note.size.load();
  const int descriptor = size > 0 ? open(crash_path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644) : -1;
  if (descriptor >= 0) {
    (void)!write(descriptor, note.text, size);
    (void)!write(descriptor, "\n", 1);
    close(descriptor);
  }
  // The system's own action follows, so that core dumps and exit codes are those of a crash.
  handle(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

void catch_stop_signals() noexcept {
  for (const int signal : stop_signals) handle(signal, note_stop);
  // Then a write beyond the limit fails with EFBIG, which is reported like a full disk.
  handle(SIGXFSZ, SIG_IGN);
}

void release_stop_signals() noexcept {
  for (const int signal : stop_signals) handle(signal, SIG_DFL);
  // It came while the flag stood for it: nobody looks at the flag any more.
  if (const int signal = requested.load()) raise(signal);
}

int stop_signal() noexcept { return requested.load(std::memory_order_relaxed); }

void request_stop(int signal) noexcept { requested.store(signal); }

void check_stop() {
  if (const int signal = stop_signal())
    throw Error(ExitCode::stopped, fmt::format("stopped by SIG{}: run the same command again to finish", sigabbrev_np(signal)));
}

void fault_point(std::string_view name) {
  const char* chosen = std::getenv("SKYFOLD_DIE_AT");
  if (chosen && name == chosen) raise(SIGKILL);
}

void catch_crashes(const std::string& path) {
  // Copied now: a handler may not allocate. The sanitizer's own handlers tell more than ours.
  if (has_other_handlers || path.size() >= sizeof crash_path) return;
  std::memcpy(crash_path, path.c_str(), path.size() + 1);
  for (const int signal : crash_signals) handle(signal, write_note);
}

void set_crash_note(std::string_view text) noexcept {
  // Written into the note that is not shown, then shown by one store: a crash in between finds the old one whole.
  const unsigned next = current_note.load() + 1;
  Note& note = notes[next % 2];
  const std::size_t size = std::min(text.size(), sizeof note.text);
  std::copy_n(text.begin(), size, note.text);
  note.size.store(size);
  current_note.store(next);
}

}  // namespace skyfold
