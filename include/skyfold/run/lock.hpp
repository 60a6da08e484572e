#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace skyfold {

/// The lock of a run folder, a file with who holds it. It is held in two ways: the system locks the file for as long as
/// the process lives, which every process on this machine sees, in containers too; and a counter in it moves, which other
/// machines watch by their own clock.
class RunLock {
 public:
  /// Throws IoError when a living run holds it, with `output` in the message.
  RunLock(const std::string& folder, const std::string& output);
  /// Gives the lock back.
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

  /// False once another run has taken the lock: after a stop of minutes, or because somebody has removed the file.
  [[nodiscard]] bool is_held() const noexcept;

 private:
  void take(const std::string& prepared, const std::string& output);
  void beat();

  std::string path_;
  int descriptor_ = -1;
  bool ends_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread heart_;
};

/// "host, process N" of the living run that holds the lock of this folder, or "". A holder on another machine is watched
/// for a few seconds when its last sign is old.
[[nodiscard]] std::string lock_holder(const std::string& folder);

/// Seconds for which a sign of life on another machine must stand still before its process counts as dead: 60, or what the environment
/// variable SKYFOLD_LOCK_PATIENCE says.
[[nodiscard]] double lock_patience_s();

}  // namespace skyfold
