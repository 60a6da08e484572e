#include "skyfold/io/node_memory.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// As if another process of this node took part.
GatherTexts with_a_second_process() {
  return [calls = 0](const std::string& mine) mutable {
    return std::vector<std::string>{mine, calls++ == 0 ? "1" + mine.substr(mine.find('\n')) : ""};
  };
}

std::string pid_space() {
  std::string space = fs::read_symlink("/proc/self/ns/pid").string(), digits;
  std::copy_if(space.begin(), space.end(), std::back_inserter(digits), [](char c) { return c >= '0' && c <= '9'; });
  return digits;
}

/// The number of a process that is gone.
pid_t dead_process() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  return child;
}

TEST(NodeMemory, RemovesWhatAKilledProcessOfThisUserLeft) {
  const std::string prefix = "/dev/shm/skyfold." + pid_space() + ".";
  const std::string stale = prefix + std::to_string(dead_process()) + ".0", live = prefix + std::to_string(getpid()) + ".0",
                    foreign = prefix + std::to_string(dead_process()) + ".1", link = prefix + std::to_string(dead_process()) + ".2";
  for (const std::string& path : {stale, live, foreign}) std::ofstream(path) << "x";
  fs::create_symlink("/etc/passwd", link);
  const bool is_root = geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(chown(foreign.c_str(), 12345, 12345), 0);
  }
  const NodeMemory memory(1 << 16, with_a_second_process());
  EXPECT_EQ(memory.sharers(), 2U);
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(live));
  EXPECT_EQ(fs::exists(foreign), is_root);
  EXPECT_TRUE(fs::is_symlink(link));
  for (const std::string& path : {live, foreign, link}) fs::remove(path);
}

TEST(NodeMemory, AKillBeforeItsNameIsGoneIsMendedByTheNext) {
  const pid_t child = fork();
  if (child == 0) {
    setenv("SKYFOLD_DIE_AT", "shared memory made", 1);
    const NodeMemory memory(1 << 16, with_a_second_process());
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto is_left = [&] {
    const std::string prefix = "skyfold." + pid_space() + "." + std::to_string(child) + ".";
    for (const auto& entry : fs::directory_iterator("/dev/shm"))
      if (entry.path().filename().string().starts_with(prefix)) return true;
    return false;
  };
  EXPECT_TRUE(is_left());
  const NodeMemory memory(1 << 16, with_a_second_process());
  EXPECT_FALSE(is_left());
}

}  // namespace
}  // namespace skyfold
