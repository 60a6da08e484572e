#include "skyfold/core/process_status.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

namespace skyfold {
namespace {

TEST(ProcessStatus, TellsALivingProcessFromADeadOneAndFromNone) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  const auto alive = process_status(child);
  ASSERT_TRUE(alive);
  EXPECT_FALSE(alive->is_dead());
  EXPECT_EQ(alive->parent, getpid());
  EXPECT_GE(std::stoll(alive->start), std::stoll(process_status(getpid())->start));
  kill(child, SIGKILL);
  siginfo_t ended = {};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  const auto dead = process_status(child);
  ASSERT_TRUE(dead);
  EXPECT_TRUE(dead->is_dead());
  EXPECT_EQ(dead->start, alive->start);
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(process_status(child));
}

TEST(ProcessStatus, KnowsTheNamespacesOfThisProcess) {
  EXPECT_EQ(namespace_of_kind("pid"), std::filesystem::read_symlink("/proc/self/ns/pid").string());
  EXPECT_EQ(namespace_of_kind("none of these"), "");
}

}  // namespace
}  // namespace skyfold
