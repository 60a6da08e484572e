// How many processors this rank may use: the least of its affinity mask, the batch system's grant and the cgroup's quota, each
// shared with the other ranks of the same machine. More threads than that only wait for one another.
#include "skyfold/core/processors.hpp"

#include <fmt/core.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <vector>

#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr const char* cgroup_mount = "/sys/fs/cgroup";

/// Runs of processors: "0-3,8".
std::string list_of(const cpu_set_t& mask) {
  std::string text;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (!CPU_ISSET(i, &mask)) continue;
    int last = i;
    while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &mask)) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", i);
    if (last > i) text += fmt::format("-{}", last);
    i = last;
  }
  return text;
}

void read_mask(ProcessorGrant& grant) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return;  // more than 1024 processors: one is safe
  grant.mask = list_of(mask);
  grant.in_mask = std::max(1, CPU_COUNT(&mask));
}

/// A whole number > 0, or 0. Of a list, as OMP_NUM_THREADS may be, the first number.
int count_from(const char* text) {
  if (!text) return 0;
  const std::string_view whole(text);
  const auto number = parse_integer(trim(whole.substr(0, whole.find(','))));
  // An empty or odd variable is no limit, and no reason to stop.
  return number && *number > 0 ? static_cast<int>(std::min<long long>(*number, CPU_SETSIZE)) : 0;
}

/// The smaller limit, when 0 is none.
int tighter(int a, int b) { return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b); }

void read_batch_system(ProcessorGrant& grant, const Environment& environment) {
  const auto count = [&](const char* name) { return count_from(environment(name)); };
  grant.per_rank = tighter(count("SLURM_CPUS_PER_TASK"), count("OMP_NUM_THREADS"));
  // NCPUS is a common name: it counts within a PBS job only.
  const int in_pbs = tighter(count("PBS_NUM_PPN"), environment("PBS_JOBID") ? count("NCPUS") : 0);
  grant.per_node = tighter(count("SLURM_CPUS_ON_NODE"), in_pbs);
}

std::string first_line(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

/// Processors that a quota of `used` microseconds in each `period` amounts to; a part of one is not used.
std::optional<int> whole_processors(std::string_view used, std::string_view period) {
  const auto quota = parse_integer(used), length = parse_integer(period);  // "max" and -1 are no limit
  if (!quota || !length || *quota <= 0 || *length <= 0) return {};
  return static_cast<int>(std::clamp<long long>(*quota / *length, 1, CPU_SETSIZE));
}

/// The quota that stands in one folder.
std::optional<int> quota_in(const std::string& folder) {
  // Version 2 of cgroups has one file "quota period", version 1 has two.
  const std::vector<std::string> parts = split(first_line(folder + "/cpu.max"), ' ');
  if (parts.size() == 2) return whole_processors(parts[0], parts[1]);
  return whole_processors(first_line(folder + "/cpu.cfs_quota_us"), first_line(folder + "/cpu.cfs_period_us"));
}

/// The tightest quota of a cgroup and of those above it.
void read_quotas(ProcessorGrant& grant, const std::string& mount, std::string path) {
  // A quota binds all that is below it, so the way leads up to the mount.
  for (;; path.erase(path.rfind('/'))) {
    const std::string folder = mount + path;
    const std::optional<int> quota = quota_in(folder);
    if (quota && (grant.quota == 0 || *quota < grant.quota)) {
      grant.quota = *quota;
      grant.quota_group = folder;
    }
    if (path.rfind('/') == std::string::npos) return;
  }
}

/// Lines of /proc/self/cgroup are "number:controllers:path"; version 2 has no controllers there.
void read_cgroup(ProcessorGrant& grant, const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1) == "/" ? "" : line.substr(second + 1);
    const std::vector<std::string> names = split(controllers, ',');
    const std::string mount = root + cgroup_mount;
    if (names.empty()) read_quotas(grant, mount, path);
    if (std::find(names.begin(), names.end(), "cpu") == names.end()) continue;
    read_quotas(grant, mount + "/" + controllers, path);  // "cpu,cpuacct"; "cpu" may be a link to it
    if (grant.quota == 0) read_quotas(grant, mount + "/cpu", path);
  }
}

template <class Same>
int sharing(std::span<const ProcessorGrant> grants, const ProcessorGrant& mine, const Same& same) {
  const auto count =
      std::count_if(grants.begin(), grants.end(), [&](const ProcessorGrant& other) { return other.host == mine.host && same(other); });
  return std::max(1, static_cast<int>(count));
}

/// Processors of the affinity mask for each of the ranks that have it.
int share_of_mask(std::span<const ProcessorGrant> grants, const ProcessorGrant& mine) {
  const int ranks = sharing(grants, mine, [&](const ProcessorGrant& other) { return other.mask == mine.mask; });
  return std::max(1, mine.in_mask / ranks);
}

}  // namespace

std::string ProcessorGrant::text() const {
  return fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}", in_mask, per_rank, per_node, quota, mask, host, quota_group);
}

ProcessorGrant grant_from(std::string_view text) {
  std::array<std::string, 7> parts;
  for (std::string& part : parts) {
    const std::size_t tab = std::min(text.find('\t'), text.size());
    part = text.substr(0, tab);
    text.remove_prefix(std::min(tab + 1, text.size()));
  }
  const auto number = [&](std::size_t i) { return count_from(parts[i].c_str()); };
  return {parts[5], parts[4], std::max(1, number(0)), number(1), number(2), number(3), parts[6]};
}

ProcessorGrant processor_grant(const std::string& root, const Environment& environment) {
  ProcessorGrant grant;
  grant.host = host_name();
  read_mask(grant);
  read_batch_system(
      grant, environment ? environment : [](const char* name) -> const char* { return std::getenv(name); });
  read_cgroup(grant, root);
  return grant;
}

int granted_processors(std::span<const ProcessorGrant> grants, std::size_t rank) {
  const ProcessorGrant& mine = grants[rank];
  // mpirun hands the batch system's variables to the ranks of the first node only, at times: rank 0 knows them.
  const int per_rank = mine.per_rank > 0 ? mine.per_rank : grants[0].per_rank;
  const int per_node = mine.per_node > 0 ? mine.per_node : grants[0].per_node;
  int processors = share_of_mask(grants, mine);
  if (per_rank > 0) processors = std::min(processors, per_rank);
  // SLURM_CPUS_ON_NODE counts for all ranks of the job on this machine together.
  if (per_node > 0) processors = std::min(processors, per_node / sharing(grants, mine, [](const auto&) { return true; }));
  if (mine.quota > 0)
    processors = std::min(
        processors, mine.quota / sharing(grants, mine, [&](const ProcessorGrant& other) { return other.quota_group == mine.quota_group; }));
  return std::max(1, processors);
}

int granted_processors() {
  const ProcessorGrant mine = processor_grant();
  return granted_processors(std::span(&mine, 1), 0);
}

std::string binding_warning(std::span<const ProcessorGrant> grants, int threads) {
  for (std::size_t rank = 0; rank < grants.size(); ++rank) {
    const int share = share_of_mask(grants, grants[rank]);
    const int granted = grants[rank].per_rank > 0 ? grants[rank].per_rank : grants[0].per_rank;
    const int wanted = threads > 0 ? threads : granted;
    if (wanted <= share) continue;
    return fmt::format(
        "rank {} has {} {}, but may use {} (start with mpirun --map-by slot:PE={} --bind-to core, or "
        "mpirun --bind-to none, or srun --cpus-per-task={})",
        rank, wanted, threads > 0 ? "threads" : "processors granted", share == 1 ? "1 processor" : fmt::format("{} processors", share),
        wanted, wanted);
  }
  return {};
}

}  // namespace skyfold
