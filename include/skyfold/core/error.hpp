#pragma once

#include <stdexcept>
#include <string>

namespace skyfold {

/// Process exit codes, as documented for users.
enum class ExitCode : int {
  done = 0,
  bug = 1,         ///< a defect of skyfold
  usage = 2,       ///< command line or configuration
  data = 3,        ///< content of the data
  io = 4,          ///< file, library or system
  incomplete = 5,  ///< finished, but some partitions failed
  stopped = 75,    ///< stopped on a signal with work left: run the same command again
};

/// An error with an exit code. The message is one line: what is wrong (why it matters), with the value.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

/// The user's command or configuration is wrong (exit 2).
class UsageError final : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(ExitCode::usage, message) {}
};

/// The content of an input is wrong; the message names file, row and column (exit 3).
class DataError final : public Error {
 public:
  explicit DataError(const std::string& message) : Error(ExitCode::data, message) {}
};

/// A file, a library or the system failed (exit 4).
class IoError final : public Error {
 public:
  explicit IoError(const std::string& message) : Error(ExitCode::io, message) {}
};

}  // namespace skyfold
