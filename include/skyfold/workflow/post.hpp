#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/workflow/agent.hpp"

namespace skyfold::workflow {

/// Agents in other processes, of this machine or of others that share the file system: ranks of a launcher beyond the first, and those of
/// `pipeline run --join`. Owner and agent speak by two files in HOME/agents/SESSION/NAME, `orders` and `outcomes`, to which one side
/// appends and which the other reads on; `heartbeat` moves while the agent lives. No message is needed twice, no file is made for a job.
class PostOffice {
 public:
  /// @param home  whose lock this process holds; sessions of earlier owners end
  explicit PostOffice(std::string home);
  ~PostOffice();

  struct Guest {
    std::string name, host;
    int slots = 1, free_slots = 1;  ///< as the owner counts them
  };
  /// Agents that are here now.
  [[nodiscard]] const std::vector<Guest>& guests() const noexcept;
  void send(const std::string& agent, const Order& order);
  struct News {
    std::vector<Outcome> outcomes;
    std::vector<std::string> lost;  ///< names of agents whose heartbeat has stopped, or that left
  };
  /// Looks what has come; cheap, does not wait.
  [[nodiscard]] News look();
  /// Seconds until it is worth to look again: a millisecond after news, and up to half a second when there was none for a while.
  [[nodiscard]] double interval_s() const noexcept;
  /// For Agent::wake_on: readable when an agent of this machine has written something; -1 where the system has no such thing. Emptied by
  /// `look`.
  [[nodiscard]] int descriptor() const noexcept;
  /// Tells all to leave, and those that come late: there is nothing more to do.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The other side: works for the owner of the pipeline at `home` until it says that there is nothing more to do, or dies: then what runs is
/// ended. Waits for an owner as long as its lock is held, and ten seconds when it is not. One that was given up by its owner, as it was
/// stopped for a while, ends what runs and joins anew. Throws when this process is asked to stop, with all ended and its owner told.
/// @returns true when the owner has said so; false when it has died, or none came (the lock is free: whoever takes it becomes the owner)
[[nodiscard]] bool work_as_guest(const std::string& home, int slots);

}  // namespace skyfold::workflow
