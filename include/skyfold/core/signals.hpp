#pragma once

#include <string>
#include <string_view>

namespace skyfold {

/// From now on SIGTERM, SIGINT and SIGUSR1 do not end the process: they only set `stop_signal()`. First statement of
/// main, since a signal that comes earlier ends the whole run. A write beyond the file-size limit becomes an error, too.
void catch_stop_signals() noexcept;
/// Lets these signals act as the system has it, for commands that have nothing to finish; one that came acts now.
void release_stop_signals() noexcept;
/// The signal that asked this process to stop; 0 while there is none.
[[nodiscard]] int stop_signal() noexcept;
/// The same request without a signal, e.g. because another rank got one.
void request_stop(int signal) noexcept;
/// Throws Error with ExitCode::stopped when a stop was requested.
void check_stop();

/// Dies on the spot, as by kill -9, when the environment variable SKYFOLD_DIE_AT has this name: for tests of the moments
/// that chance would hardly hit.
void fault_point(std::string_view name);

/// From now on a crash (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) first writes the current note to the file `path`, so
/// that the next attempt knows which work killed the process. Not under AddressSanitizer, which has handlers of its own.
void catch_crashes(const std::string& path);
/// What this process works on, for `catch_crashes`; at most 200 bytes; "" for nothing. One thread at a time.
void set_crash_note(std::string_view note) noexcept;

}  // namespace skyfold
