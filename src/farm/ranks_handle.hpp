#pragma once

#include <mpi.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "outbox.hpp"
#include "process_watch.hpp"
#include "skyfold/core/failure.hpp"
#include "skyfold/farm/ranks.hpp"

namespace skyfold {

/// Tags of messages from one rank to another.
enum MessageTag : int { packet_tag = 7, lost_tag = 8, failure_tag = 9, over_tag = 10, group_tag = 11, ending_group_tag = 12 };

/// Messages by MPI.
class MpiCarrier final : public Carrier {
 public:
  explicit MpiCarrier(const MPI_Comm& communicator) : communicator_(communicator) {}
  std::uint64_t start(int to, int tag, std::span<const std::byte> bytes) override;
  bool has_left(std::uint64_t message) override;

 private:
  const MPI_Comm& communicator_;  ///< as it is when a message starts
  std::map<std::uint64_t, MPI_Request> under_way_;
  std::uint64_t next_ = 0;
};

/// MPI sends more than this in pieces, and goes on to the next one only when both sides call it.
inline constexpr std::size_t large_message_bytes = 16'384;

/// Waits for a request without holding a processor: short waits cost a few microseconds, long ones almost nothing.
///
/// @param bytes     that are under way: a large message must not sleep between its pieces
/// @param goes_on   asked five times a second; ends the waiting early when it says no, or throws
/// @returns whether the request is done
bool wait_while(MPI_Request& request, std::size_t bytes, const std::function<bool()>& goes_on);

/// A failure as text, so that it can travel: exit code, colon, message; "" is none.
[[nodiscard]] std::string text_of(const Failure& failure);
[[nodiscard]] Failure failure_from(const std::string& text);

/// What this layer alone knows of the ranks.
struct Ranks::Handle {
  /// A message that has come with this tag into `destination`, which is as long; returns who sent it.
  std::optional<int> receive(int from, int tag, void* destination, std::size_t bytes) const;
  /// A message of any length.
  std::optional<std::pair<int, std::string>> receive_text(int from, int tag) const;
  /// Rank 0: takes what other ranks told of their ends, and of failures that they met on their own.
  void take_failures();
  /// Throws, on rank 0, what ended another rank, and on the lowest living rank of a machine that another one there has died.
  void look(int own_rank);

  MPI_Comm communicator = MPI_COMM_WORLD;
  MPI_Comm ending = MPI_COMM_SELF;  ///< for the end of the run alone: it comes while others may still be in another call
  MpiCarrier carrier{communicator};
  Outbox outbox{carrier};
  ProcessWatch watch;  ///< of the ranks of `communicator`
  ProcessName rank_zero;
  std::vector<int> world_ranks;                                       ///< in MPI_COMM_WORLD, of the ranks of `communicator`
  std::vector<int> left_behind;                                       ///< ranks of MPI_COMM_WORLD
  std::vector<ProcessName> left_processes;                            ///< theirs
  bool has_come_to_end = false;                                       ///< `end` was called
  bool is_broken = false;                                             ///< a collective call was left midway: none can follow
  std::map<int, Failure> failures;                                    ///< of other ranks, by rank
  std::set<int> ended;                                                ///< other ranks that have come to their ends without one
  double failure_seen_s = 0.0, end_seen_s = 0.0, death_seen_s = 0.0;  ///< since when it is known; 0: not
};

}  // namespace skyfold
