#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/process_status.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/agent.hpp"

/// Real programs in tests of agents and guests: what they do is waited for, as long as a slow machine takes.
namespace skyfold::workflow::programs {

constexpr double patience_s = 60.0;  // for what must happen; no test depends on how long it takes

inline bool comes(const std::function<bool()>& condition) {
  for (const double end_s = now_s() + patience_s; now_s() < end_s; std::this_thread::sleep_for(std::chrono::milliseconds(2)))
    if (condition()) return true;
  return false;
}

inline bool lives(pid_t process) {
  const auto status = process_status(process);
  return status && !status->is_dead();
}

/// A number that a program writes to a file, once it is there.
inline pid_t number_in(const std::string& path) {
  EXPECT_TRUE(comes([&path] { return read_small_file(path).ends_with('\n'); })) << path;
  return static_cast<pid_t>(parse_integer(trim(read_small_file(path))).value_or(0));
}

/// A line for the shell as the first attempt at a job of the pipeline at `home`.
inline Order shell_order(const std::string& text, const std::string& folder, const std::string& home, std::int64_t job) {
  Order order;
  order.job = job;
  order.words = {"/bin/sh", "-c", text};
  order.folder = folder;
  order.scratch = home + "/scratch/" + std::to_string(job) + ".1";
  order.log = home + "/log/task." + std::to_string(job) + ".log";
  return order;
}

}  // namespace skyfold::workflow::programs
