#pragma once

namespace skyfold {

/// While it lives, what its thread says to the log is dropped: for work that is done many times for one result.
class QuietThread {
 public:
  QuietThread() noexcept;
  ~QuietThread();
  QuietThread(const QuietThread&) = delete;
  QuietThread& operator=(const QuietThread&) = delete;

 private:
  bool before_;
};

}  // namespace skyfold
