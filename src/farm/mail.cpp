// Messages of the farm: packets of one size, and the list of the lost at the end. Sending never waits for the receiver.
#include "mail.hpp"

#include <cstring>

#include "ranks_handle.hpp"

namespace skyfold {

Packet packet_of(const JobOutcome& outcome) {
  Packet packet{Packet::done, 0, outcome.end, 0, outcome.job, outcome.result, outcome.times, {}};
  // Cut to the packet's size; the rest of it is zeros, which end the text.
  outcome.message.copy(packet.message, sizeof packet.message - 1);
  return packet;
}

JobOutcome outcome_of(int rank, const Packet& p) { return {p.work, rank, p.end, p.result, p.times, p.message}; }

void Mail::send(int to, const Packet& packet) const { ranks_.handle().outbox.post(to, packet_tag, std::as_bytes(std::span(&packet, 1))); }

void Mail::send(int to, Packet::Kind kind) const {
  Packet packet;
  packet.kind = kind;
  send(to, packet);
}

void Mail::send_beat(int to) const {
  Outbox& outbox = ranks_.handle().outbox;
  outbox.clean();
  // A stopped receiver would let them pile up, and one that waits says as much as a thousand.
  if (outbox.waiting(to) == 0) send(to, Packet::beat);
}

std::optional<std::pair<int, Packet>> Mail::receive() const {
  Packet packet;
  const auto from = ranks_.handle().receive(MPI_ANY_SOURCE, packet_tag, &packet, sizeof packet);
  if (!from) return std::nullopt;
  return std::pair{*from, packet};
}

void Mail::send_lost(int to, const std::vector<int>& lost) const {
  ranks_.handle().outbox.post(to, lost_tag, std::as_bytes(std::span(lost)));
}

std::optional<std::vector<int>> Mail::receive_lost() const {
  const auto message = ranks_.handle().receive_text(0, lost_tag);
  if (!message) return std::nullopt;
  const std::string& bytes = message->second;
  std::vector<int> lost(bytes.size() / sizeof(int));
  std::memcpy(lost.data(), bytes.data(), bytes.size());
  return lost;
}

}  // namespace skyfold
