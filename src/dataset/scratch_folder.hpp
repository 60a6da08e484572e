#pragma once

#include <string>

namespace skyfold {

/// A folder for files that are not finished, beside the output that they are for; it goes with this object. What a process that was killed
/// left goes when the next one makes its own for the same output: of a folder in use the lock is held.
class ScratchFolder {
 public:
  /// @param output  file or folder that is made; "": none, the folder is with the system's temporary files
  /// Throws IoError.
  explicit ScratchFolder(const std::string& output);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  int lock_ = -1;
};

}  // namespace skyfold
