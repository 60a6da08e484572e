#pragma once

#include <functional>
#include <string>

namespace skyfold {

/// Runs `action` in a copy of this process and returns its result, so that a crash inside ends only the copy.
///
/// For libraries that may crash on damaged files. The copy must not use MPI; what it prints is discarded, and it may
/// use `most_cpu_s` seconds of processor time. Errors thrown by `action` are thrown here with their kind and message.
/// Throws DataError with `if_it_dies` when the copy does not finish, IoError when no copy can be made.
[[nodiscard]] std::string run_in_child(const std::function<std::string()>& action, const std::string& if_it_dies, unsigned most_cpu_s = 60);

}  // namespace skyfold
