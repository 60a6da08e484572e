#include "skyfold/core/processors.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// A folder that looks like the root of a machine with the files given to it, and a made-up environment.
class Machine : public testing::Test {
 protected:
  Machine() : root_(fs::temp_directory_path() / ("skyfold_cgroup_" + std::to_string(getpid()))) { fs::remove_all(root_); }
  ~Machine() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& content) {
    const fs::path file = root_.string() + path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << content;
  }
  ProcessorGrant grant() const {
    return processor_grant(root_.string(), [this](const char* name) -> const char* {
      const auto found = variables_.find(name);
      return found == variables_.end() ? nullptr : found->second.c_str();
    });
  }

  fs::path root_;
  std::map<std::string, std::string> variables_;
};

TEST_F(Machine, WithoutCgroupAndBatchSystemLimitsTheMaskAlone) {
  const ProcessorGrant found = grant();
  EXPECT_EQ(found.per_rank, 0);
  EXPECT_EQ(found.per_node, 0);
  EXPECT_EQ(found.quota, 0);
  EXPECT_GE(found.in_mask, 1);
  EXPECT_FALSE(found.mask.empty());
}

TEST_F(Machine, GivesTheAffinityMaskAsAList) {
  std::thread([this] {  // the mask belongs to a thread
    cpu_set_t all, one;
    CPU_ZERO(&all);
    CPU_ZERO(&one);
    ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
    int last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(last, &all)) --last;
    CPU_SET(last, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(grant().mask, std::to_string(last));
    EXPECT_EQ(grant().in_mask, 1);
  })
      .join();
}

TEST_F(Machine, ReadsTheQuotaOfItsCgroupOfVersion2) {
  write("/proc/self/cgroup", "0::/user.slice/job\n");
  write("/sys/fs/cgroup/user.slice/job/cpu.max", "350000 100000\n");
  EXPECT_EQ(grant().quota, 3);
  EXPECT_EQ(grant().quota_group, root_.string() + "/sys/fs/cgroup/user.slice/job");
}

TEST_F(Machine, TakesTheTightestQuotaOfTheCgroupsAbove) {
  write("/proc/self/cgroup", "0::/a/b/c\n");
  write("/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
  write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  write("/sys/fs/cgroup/a/cpu.max", "100000 50000\n");
  EXPECT_EQ(grant().quota, 2);
}

TEST_F(Machine, FindsTheQuotaOfAContainerAtTheRoot) {  // the path is the host's: not there inside
  write("/proc/self/cgroup", "0::/docker/0123\n");
  write("/sys/fs/cgroup/cpu.max", "400000 100000\n");
  EXPECT_EQ(grant().quota, 4);
}

TEST_F(Machine, AQuotaOfLessThanAProcessorIsOne) {
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(grant().quota, 1);
}

TEST_F(Machine, ReadsTheQuotaOfVersion1) {
  write("/proc/self/cgroup", "5:memory:/job\n4:cpu,cpuacct:/job/step\n1:cpuset:/job\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/step/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/step/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "600000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(grant().quota, 6);
}

TEST_F(Machine, ReadsTheQuotaOfVersion1WhereTheControllersAreMountedUnderOneName) {
  write("/proc/self/cgroup", "4:cpuacct,cpu:/\n0::/\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(grant().quota, 2);
}

TEST_F(Machine, DamagedCgroupFilesSetNoLimit) {
  for (const char* line : {"", "0", "0:", "::", "0::", "0::a/b", "x:cpu:/a"}) {
    write("/proc/self/cgroup", line);
    for (const char* quota : {"", "max", "max 100000", "1 0", "-1 100000", "0 100000", "abc def", "99999999999999999999 1"}) {
      write("/sys/fs/cgroup/cpu.max", quota);
      EXPECT_EQ(grant().quota, 0) << line << " " << quota;
    }
  }
}

TEST_F(Machine, ReadsTheVariablesOfSlurm) {
  variables_ = {{"SLURM_CPUS_PER_TASK", "4"}, {"SLURM_CPUS_ON_NODE", "16"}};
  EXPECT_EQ(grant().per_rank, 4);
  EXPECT_EQ(grant().per_node, 16);
}

TEST_F(Machine, ReadsTheVariablesOfPbs) {
  variables_ = {{"PBS_NUM_PPN", "8"}};
  EXPECT_EQ(grant().per_node, 8);
  variables_ = {{"NCPUS", "6"}};
  EXPECT_EQ(grant().per_node, 0) << "NCPUS means something in a PBS job alone";
  variables_["PBS_JOBID"] = "1.server";
  EXPECT_EQ(grant().per_node, 6);
}

TEST_F(Machine, TakesNoMoreThanOmpNumThreads) {
  variables_ = {{"SLURM_CPUS_PER_TASK", "4"}, {"OMP_NUM_THREADS", "2,1"}};
  EXPECT_EQ(grant().per_rank, 2);
  variables_.erase("SLURM_CPUS_PER_TASK");
  EXPECT_EQ(grant().per_rank, 2);
}

TEST_F(Machine, IgnoresVariablesThatAreNoCounts) {
  for (const char* value : {"", "0", "-3", "4x", "many", " "}) {
    variables_ = {{"SLURM_CPUS_PER_TASK", value}, {"PBS_NUM_PPN", value}, {"OMP_NUM_THREADS", value}};
    EXPECT_EQ(grant().per_rank, 0) << value;
    EXPECT_EQ(grant().per_node, 0) << value;
  }
}

/// A rank on a node of 64 processors without any limit.
ProcessorGrant whole_node(const std::string& host = "node1") {
  ProcessorGrant grant;
  grant.host = host;
  grant.mask = "0-63";
  grant.in_mask = 64;
  return grant;
}

std::vector<int> processors_of(const std::vector<ProcessorGrant>& grants) {
  std::vector<int> processors;
  for (std::size_t rank = 0; rank < grants.size(); ++rank) processors.push_back(granted_processors(grants, rank));
  return processors;
}

TEST(GrantedProcessors, AreTheMaskDividedAmongTheRanksOfANodeThatHaveIt) {
  EXPECT_EQ(processors_of({whole_node()}), (std::vector{64}));
  EXPECT_EQ(processors_of({whole_node(), whole_node(), whole_node()}), (std::vector{21, 21, 21}));
  EXPECT_EQ(processors_of({whole_node(), whole_node(), whole_node("node2")}), (std::vector{32, 32, 64}));
  ProcessorGrant bound = whole_node();
  bound.mask = "0-7";
  bound.in_mask = 8;
  ProcessorGrant elsewhere = bound;
  elsewhere.mask = "8-15";
  EXPECT_EQ(processors_of({bound, elsewhere}), (std::vector{8, 8}));
}

TEST(GrantedProcessors, AreThoseOfSlurmForEachRank) {
  ProcessorGrant rank = whole_node();
  rank.per_rank = 4;
  EXPECT_EQ(processors_of({rank, rank}), (std::vector{4, 4}));
}

TEST(GrantedProcessors, AreThoseOfTheJobOnANodeDividedAmongItsRanks) {
  ProcessorGrant rank = whole_node(), other = whole_node("node2");
  rank.per_node = other.per_node = 16;
  EXPECT_EQ(processors_of({rank}), (std::vector{16}));
  EXPECT_EQ(processors_of({rank, rank, rank, other}), (std::vector{5, 5, 5, 16}));
}

TEST(GrantedProcessors, FollowTheQuotaOfACgroupDividedAmongItsRanks) {
  ProcessorGrant rank = whole_node();
  rank.quota = 6;
  rank.quota_group = "/sys/fs/cgroup/job";
  ProcessorGrant other = rank;
  other.quota_group = "/sys/fs/cgroup/other";
  EXPECT_EQ(processors_of({rank, rank, other}), (std::vector{3, 3, 6}));
}

TEST(GrantedProcessors, AreTheSmallestOfAllLimits) {
  ProcessorGrant rank = whole_node();
  rank.per_rank = 8;
  rank.per_node = 12;
  EXPECT_EQ(processors_of({rank, rank}), (std::vector{6, 6}));
  rank.quota = 5;
  EXPECT_EQ(processors_of({rank, rank}), (std::vector{2, 2}));
}

TEST(GrantedProcessors, HoldOnNodesThatTheVariablesDoNotReach) {
  ProcessorGrant first = whole_node();
  first.per_node = 16;
  EXPECT_EQ(processors_of({first, whole_node("node2"), whole_node("node2")}), (std::vector{16, 8, 8}));
  first.per_rank = 2;
  EXPECT_EQ(processors_of({first, whole_node("node2"), whole_node("node2")}), (std::vector{2, 2, 2}));
}

TEST(GrantedProcessors, AreNeverLessThanOne) {
  ProcessorGrant rank = whole_node();
  rank.in_mask = rank.per_node = rank.quota = 1;
  EXPECT_EQ(processors_of({rank, rank, rank}), (std::vector{1, 1, 1}));
}

TEST(ProcessorGrantText, ReadsBack) {
  ProcessorGrant grant = whole_node("a node");
  grant.per_rank = 3;
  grant.per_node = 5;
  grant.quota = 7;
  grant.quota_group = "/sys/fs/cgroup/x:y";
  for (const ProcessorGrant& given : {grant, whole_node(), ProcessorGrant()}) {
    const ProcessorGrant read = grant_from(given.text());
    EXPECT_EQ(read.text(), given.text());
    EXPECT_EQ(read.host, given.host);
    EXPECT_EQ(read.quota_group, given.quota_group);
  }
}

TEST(BindingWarning, NamesTheFlagWhenThreadsAreMoreThanTheProcessorsOfTheMask) {
  ProcessorGrant bound = whole_node();
  bound.mask = "0";
  bound.in_mask = 1;
  EXPECT_EQ(binding_warning(std::vector{whole_node()}, 64), "");
  EXPECT_EQ(binding_warning(std::vector{bound}, 0), "");
  EXPECT_EQ(binding_warning(std::vector{whole_node(), bound}, 2),
            "rank 1 has 2 threads, but may use 1 processor (start with mpirun --map-by slot:PE=2 --bind-to core, or "
            "mpirun --bind-to none, or srun --cpus-per-task=2)");
}

TEST(BindingWarning, TellsWhenABindingWastesWhatTheBatchSystemGrants) {
  ProcessorGrant bound = whole_node();
  bound.mask = "0-1";
  bound.in_mask = 2;
  bound.per_rank = 8;
  EXPECT_EQ(binding_warning(std::vector{bound}, 1), "") << "one thread was asked for";
  EXPECT_NE(binding_warning(std::vector{bound}, 0).find("rank 0 has 8 processors granted, but may use 2 processors"), std::string::npos);
}

}  // namespace
}  // namespace skyfold
