// Programs that have outlived their agent and all its keepers, which takes that all of them were killed in one moment. They are found by
// their environment, as /proc shows it.
#include "orphans.hpp"

#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/process_status.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::workflow {
namespace {

constexpr int rounds = 200;
constexpr std::chrono::milliseconds pause(10);

/// The environment of a process; "" of one that is gone, or another user's.
std::string environment_of(const std::string& process) {
  try {
    return read_small_file("/proc/" + process + "/environ");
  } catch (const Error&) {
    return "";
  }
}

std::optional<std::string> variable_in(const std::string& environment, const std::string& name) {
  const std::string start = name + "=";
  for (std::size_t at = 0; at < environment.size(); at = environment.find('\0', at) + 1) {
    if (environment.compare(at, start.size(), start) == 0)
      return environment.substr(at + start.size(), environment.find('\0', at) - at - start.size());
    if (environment.find('\0', at) == std::string::npos) break;
  }
  return std::nullopt;
}

std::string identity_of(pid_t process) {
  const auto status = process_status(process);
  return status && !status->is_dead() ? fmt::format("{} {} {}", process, status->start, namespace_of_kind("pid")) : "";
}

bool is_dead_agent(const std::string& identity) {
  const std::vector<std::string> parts = split(identity, ' ');
  if (parts.size() != 3 || parts[2] != namespace_of_kind("pid")) return false;  // numbers of another container mean nothing here
  return identity_of(static_cast<pid_t>(parse_integer(parts[0]).value_or(0))) != identity;
}

std::set<pid_t> orphans_of(const std::string& home) {
  std::set<pid_t> found;
  for (const std::string& name : names_in("/proc")) {
    const auto process = parse_integer(name);
    if (!process || *process == getpid()) continue;
    const std::string environment = environment_of(name);
    const auto agent = variable_in(environment, agent_variable);
    if (!agent || variable_in(environment, "SKYFOLD_PIPELINE") != home || !is_dead_agent(*agent)) continue;
    const auto status = process_status(static_cast<pid_t>(*process));
    if (status && !status->is_dead()) found.insert(static_cast<pid_t>(*process));
  }
  return found;
}

// What mpirun (Open MPI, MPICH, Intel MPI), PMIx and srun tell a rank. Settings of the user (OMPI_MCA_btl, SLURM_JOB_ID ...) are not.
constexpr std::array launcher_prefixes = {"OMPI_COMM_WORLD_",
                                          "OMPI_UNIVERSE_SIZE=",
                                          "OMPI_APP_CTX",
                                          "OMPI_NUM_APP_CTX=",
                                          "OMPI_FIRST_RANKS=",
                                          "OMPI_FILE_LOCATION=",
                                          "OMPI_ARGV=",
                                          "OMPI_COMMAND=",
                                          "OMPI_MCA_orte_",
                                          "OMPI_MCA_ess",
                                          "OMPI_MCA_pmix",
                                          "OMPI_MCA_initial_wdir",
                                          "OMPI_MCA_shmem_RU",
                                          "PMIX_",
                                          "PMI_",
                                          "PMI2_",
                                          "PRTE_",
                                          "HYDI_",
                                          "HYDRA_",
                                          "MPI_LOCAL",
                                          "SLURM_STEP",
                                          "SLURM_PROCID=",
                                          "SLURM_LOCALID=",
                                          "SLURM_NODEID=",
                                          "SLURM_SRUN_",
                                          "SLURM_LAUNCH_",
                                          "SLURM_TASK_PID=",
                                          "SLURM_GTIDS=",
                                          "SLURM_CPU_BIND",
                                          "SLURM_MEM_BIND",
                                          "SLURM_DISTRIBUTION"};

}  // namespace

std::string agent_identity() { return identity_of(getpid()); }

int end_orphans(const std::string& home) {
  std::set<pid_t> ended;
  std::set<pid_t> found = orphans_of(home);
  // One that was forked meanwhile is found in the next round; one that cannot be killed now (it waits for a disk) dies of it later.
  for (int round = 0; !found.empty() && round < rounds; ++round) {
    for (const pid_t process : found) kill(process, SIGKILL);
    ended.merge(found);
    std::this_thread::sleep_for(pause);
    found = orphans_of(home);
  }
  return static_cast<int>(ended.size());
}

bool is_of_launcher(std::string_view variable) noexcept {
  return std::any_of(launcher_prefixes.begin(), launcher_prefixes.end(), [variable](const char* p) { return variable.starts_with(p); });
}

}  // namespace skyfold::workflow
