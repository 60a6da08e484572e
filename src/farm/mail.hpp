#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "skyfold/farm/farm.hpp"

namespace skyfold {

/// What travels between rank 0 and the others: fixed size, so that it is one eager message.
struct Packet {
  enum Kind : std::int32_t { request, done, error, job, stop, stopping, bye, beat };
  Kind kind = request;
  std::int64_t rows_in_hand = 0;
  JobEnd end = JobEnd::done;
  std::int32_t signal = 0;
  Job work;
  JobResult result;
  JobTimes times;
  char message[96] = {};
};
static_assert(std::is_trivially_copyable_v<Packet> && sizeof(Packet) <= 256);

[[nodiscard]] Packet packet_of(const JobOutcome& outcome);
[[nodiscard]] JobOutcome outcome_of(int rank, const Packet& packet);

/// Messages between the ranks of a farm. No call waits for another rank.
class Mail {
 public:
  explicit Mail(const Ranks& ranks) : ranks_(ranks) {}

  void send(int to, const Packet& packet) const;
  void send(int to, Packet::Kind kind) const;
  /// A sign of life; none while the one before has not left, so that they do not pile up for a rank that is stopped.
  void send_beat(int to) const;
  /// The next packet that has come, and from whom.
  [[nodiscard]] std::optional<std::pair<int, Packet>> receive() const;
  void send_lost(int to, const std::vector<int>& lost) const;
  /// Which ranks are lost, once rank 0 has told.
  [[nodiscard]] std::optional<std::vector<int>> receive_lost() const;

 private:
  const Ranks& ranks_;
};

}  // namespace skyfold
