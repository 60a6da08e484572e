#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/workflow/agent.hpp"

namespace skyfold::workflow {

/// Agents in other processes, of this machine or of others that share the file system: ranks of a launcher beyond the first, and those of
/// `pipeline run --join`. Owner and agent speak by two files in HOME/agents/NAME, `orders` and `outcomes`, to which one side appends and
/// which the other reads on; `heartbeat` moves while the agent lives. No message is needed twice, no file is made for a job.
class PostOffice {
 public:
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
  /// Tells all to leave: there is nothing more to do.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The other side: works for the owner of the pipeline at `home` until it says that there is nothing more to do, or dies. Waits for one.
/// @returns true when the owner has said so; false when it has died (its lock is free: whoever takes it becomes the owner)
[[nodiscard]] bool work_as_guest(const std::string& home, int slots);

}  // namespace skyfold::workflow
