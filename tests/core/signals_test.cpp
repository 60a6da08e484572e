#include "skyfold/core/signals.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "../support.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using testing_support::read_file;

/// The status of a child process that runs `action`, and ends with 0 unless that ends it.
template <class Action>
int status_of_child(const Action& action) {
  const pid_t child = fork();
  if (child == 0) {
    action();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

class StopSignals : public testing::Test {
 protected:
  ~StopSignals() override {
    request_stop(0);
    release_stop_signals();
  }
};

TEST_F(StopSignals, AreNotedInsteadOfEndingTheProcess) {
  catch_stop_signals();
  for (const auto& [number, name] : {std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGINT, "SIGINT"}, std::pair{SIGUSR1, "SIGUSR1"}}) {
    request_stop(0);
    EXPECT_NO_THROW(check_stop());
    raise(number);
    EXPECT_EQ(stop_signal(), number);
    EXPECT_TRUE(contains(error_of<Error>([] { check_stop(); }), name));
    try {
      check_stop();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::stopped);
    }
  }
}

TEST_F(StopSignals, AreTheSameAsARequest) {
  request_stop(SIGUSR1);
  EXPECT_EQ(stop_signal(), SIGUSR1);
  EXPECT_TRUE(contains(error_of<Error>([] { check_stop(); }), "SIGUSR1"));
}

TEST_F(StopSignals, DoNotDisturbAReadThatIsUnderWay) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const int status = status_of_child([&] {
    catch_stop_signals();
    if (fork() == 0) {  // the grandchild signals its parent, which waits, and then gives it what it waits for
      kill(getppid(), SIGTERM);
      (void)!write(ends[1], "x", 1);
      _exit(0);
    }
    char byte = 0;
    const bool was_read = read(ends[0], &byte, 1) == 1;
    _exit(was_read && stop_signal() == SIGTERM ? 0 : 1);
  });
  for (const int end : ends) close(end);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(StopSignals, ActAsUsualOnceReleasedAlsoThoseThatCame) {
  const int later = status_of_child([] {
    catch_stop_signals();
    release_stop_signals();
    raise(SIGTERM);
  });
  EXPECT_TRUE(WIFSIGNALED(later) && WTERMSIG(later) == SIGTERM);
  const int before = status_of_child([] {
    catch_stop_signals();
    raise(SIGINT);
    release_stop_signals();
  });
  EXPECT_TRUE(WIFSIGNALED(before) && WTERMSIG(before) == SIGINT);
}

#ifndef __SANITIZE_ADDRESS__

class CrashNotes : public testing::Test {
 protected:
  /// What a process leaves that crashes with these notes, one after the other.
  std::string notes_of_crash(int signal, const std::vector<std::string>& notes) {
    const int status = status_of_child([&] {
      catch_crashes(path);
      for (const std::string& note : notes) set_crash_note(note);
      if (signal == SIGABRT) std::abort();
      raise(signal);
    });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << "the crash must not be hidden";
    return read_file(path);
  }
  Folder folder;
  std::string path = folder.file("crash.0");
};

TEST_F(CrashNotes, TellWhatTheProcessWorkedOnLast) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    std::filesystem::remove(path);
    EXPECT_EQ(notes_of_crash(signal, {"0 1 1 0 10 0 0", "0 2 1 10 20 0 0"}), "0 2 1 10 20 0 0\n");
  }
}

TEST_F(CrashNotes, AddUp) {
  (void)notes_of_crash(SIGSEGV, {"first"});
  EXPECT_EQ(notes_of_crash(SIGSEGV, {"second"}), "first\nsecond\n");
}

TEST_F(CrashNotes, AreNotLeftByAProcessWithoutWork) {
  (void)notes_of_crash(SIGSEGV, {"work", ""});
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(CrashNotes, AreCutWhenTheyAreTooLong) { EXPECT_EQ(notes_of_crash(SIGSEGV, {std::string(1000, 'x')}), std::string(200, 'x') + "\n"); }

#endif

}  // namespace
}  // namespace skyfold
