#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <vector>

namespace skyfold {

/// What carries messages from this rank: MPI, or a test.
class Carrier {
 public:
  virtual ~Carrier() = default;
  /// Begins to send; never waits. `bytes` must stay where they are until the message has left.
  ///
  /// @returns the number of the message, for `has_left`
  virtual std::uint64_t start(int to, int tag, std::span<const std::byte> bytes) = 0;
  /// Whether the bytes of a message are no longer needed. Not called again once it was true.
  virtual bool has_left(std::uint64_t message) = 0;
};

/// Messages on their way. A rank that is stopped or dead takes none, and MPI's blocking calls would wait for it for ever:
/// here a message is posted, and stays in the outbox until it has left.
class Outbox {
 public:
  explicit Outbox(Carrier& carrier) : carrier_(carrier) {}
  /// What has not left by now may still be read by MPI: its memory is given away.
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Sends a copy of `bytes`, behind all that was posted to `to` before.
  void post(int to, int tag, std::span<const std::byte> bytes);
  /// Forgets the messages that have left.
  void clean();
  /// Messages to `to` that have not left, as `clean` found it.
  [[nodiscard]] std::size_t waiting(int to) const;

 private:
  struct Letter {
    int to;
    std::uint64_t message;
    std::vector<std::byte> bytes;
  };
  Carrier& carrier_;
  std::list<Letter> letters_;
};

}  // namespace skyfold
