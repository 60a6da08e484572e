#pragma once

#include <functional>
#include <string>

namespace skyfold {

/// Runs `action` in a copy of this process and returns its result, so that a crash inside ends only the copy.
///
/// For libraries that may crash on damaged files. The copy must not use MPI; what it prints is discarded, and it may
/// use `most_cpu_s` seconds of processor time. Errors thrown by `action` are thrown here with their kind and message.
/// Throws DataError with `if_it_dies`, which begins with the name of the file, when the copy does not finish; IoError when it was killed,
/// and when no copy can be made.
[[nodiscard]] std::string run_in_child(const std::function<std::string()>& action, const std::string& if_it_dies, unsigned most_cpu_s = 60);

/// How a process ended: by SIGKILL, which no library sends, but systems do that run out of memory.
[[nodiscard]] bool was_killed(int status) noexcept;
/// What is said then, behind the name of the file.
inline constexpr const char* killed_child =
    ": cannot be read or written: the process at it was killed, as systems do for want of memory (start fewer ranks on this machine?)";

}  // namespace skyfold
