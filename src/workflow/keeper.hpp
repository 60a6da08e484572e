#pragma once

#include <sys/types.h>

#include <string>

/// The small process of an agent that runs the jobs of one slot, one after another.
namespace skyfold::workflow {

struct KeeperSetting {
  int socket = -1;       ///< to the agent: lines of orders come, lines of EndRecords go
  pid_t agent = 0;       ///< whose death ends all
  std::string identity;  ///< of the agent, see orphans.hpp
  std::string home;
};

/// The line by which an agent ends a job: SIGTERM, then SIGKILL after so many seconds.
[[nodiscard]] std::string end_line(double grace_s);

/// In a new process, after fork. Does not return: ends with its agent.
[[noreturn]] void be_keeper(const KeeperSetting& setting) noexcept;

}  // namespace skyfold::workflow
