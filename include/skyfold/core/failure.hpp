#pragma once

#include <string>

#include "skyfold/core/error.hpp"

namespace skyfold {

/// What went wrong, as plain values, so that it can travel between threads and ranks.
struct Failure {
  ExitCode code = ExitCode::done;  ///< done: nothing went wrong
  std::string message;
  explicit operator bool() const noexcept { return code != ExitCode::done; }
};

/// The exception being handled. What the system refused (memory, a file, a thread) is a failure of the system; what no
/// code of skyfold throws on purpose is a defect.
[[nodiscard]] Failure current_failure() noexcept;

}  // namespace skyfold
