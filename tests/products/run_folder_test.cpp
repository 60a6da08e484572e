#include "skyfold/products/run_folder.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "../support.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using testing_support::read_file;
using testing_support::write_file;

class RunFolders : public testing::Test {
 protected:
  /// Makes the lock that a run on `host` would have left.
  void leave_lock(const std::string& host, long long pid, const std::string& start) const {
    fs::create_directory(output + ".run");
    write_file(lock, host + " " + std::to_string(pid) + " " + start + " ");
  }
  static std::string this_host() {
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    return host;
  }
  Folder folder;
  std::string output = folder.file("z.h5"), fits = folder.file("z.fits"), lock = output + ".run/lock";
};

/// A child process that runs `action` and then waits to be killed; made when the action is over.
class Child {
 public:
  template <class Action>
  explicit Child(const Action& action) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
      action();
      (void)!write(ends[1], "x", 1);
      while (true) pause();
    }
    char byte = 0;
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
    for (const int end : ends) close(end);
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  void end() {
    if (pid <= 0) return;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    pid = 0;
  }
  pid_t pid = 0;
};

TEST_F(RunFolders, HaveAPlaceForEachProductBesideTheirOwnFiles) {
  const RunFolder run(output);
  EXPECT_EQ(run.path(), run_path(output));
  EXPECT_EQ(run.file("journal"), run_path(output) + "/journal");
  EXPECT_EQ(run.partial(fits), partial_path(output, fits));
  EXPECT_NE(run.partial(folder.file("journal")), run.file("journal"));
  write_file(run.partial(fits), "rows");
  EXPECT_EQ(read_file(run.partial(fits)), "rows");
}

TEST_F(RunFolders, GoWhenNothingWasDone) {
  { const RunFolder run(output); }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(RunFolders, GoWhenAnErrorComesBeforeAnythingWasDone) {
  try {
    const RunFolder run(output);
    write_file(run.partial(output), "half");
    throw std::runtime_error("stop");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(RunFolders, StayWithoutTheirLockWhenTheyAreKept) {
  {
    RunFolder run(output);
    write_file(run.file("journal"), "records");
    run.keep();
  }
  EXPECT_EQ(read_file(output + ".run/journal"), "records");
  EXPECT_FALSE(fs::exists(lock));
}

TEST_F(RunFolders, AreTakenUpWithWhatIsInThem) {
  {
    RunFolder run(output);
    write_file(run.partial(output), "half");
    run.keep();
  }
  const RunFolder run(output);
  EXPECT_EQ(read_file(run.partial(output)), "half");
}

TEST_F(RunFolders, AreClearedOfAllButTheLock) {
  RunFolder run(output);
  write_file(run.file("journal"), "records");
  write_file(run.partial(output), "half");
  run.clear();
  EXPECT_FALSE(fs::exists(run.file("journal")));
  EXPECT_FALSE(fs::exists(run.partial(output)));
  EXPECT_NE(holder_of(output), "");
  write_file(run.partial(output), "again");
  EXPECT_TRUE(fs::exists(run.partial(output)));
}

TEST_F(RunFolders, AreRefusedToASecondRunWhichIsToldWhoHoldsThem) {
  const RunFolder first(output);
  const std::string message = error_of<IoError>([&] { RunFolder second(output); });
  EXPECT_TRUE(contains(message, output));
  EXPECT_TRUE(contains(message, this_host() + ", process " + std::to_string(getpid())));
  EXPECT_TRUE(fs::exists(lock));
  EXPECT_EQ(std::distance(fs::directory_iterator(first.path()), {}), 2) << "more than the lock and the products";
}

TEST_F(RunFolders, TellWhoHoldsThem) {
  EXPECT_EQ(holder_of(output), "");
  setenv("SLURM_JOB_ID", "4711", 1);
  {
    const RunFolder run(output);
    EXPECT_EQ(holder_of(output), this_host() + ", process " + std::to_string(getpid()) + ", job 4711");
  }
  unsetenv("SLURM_JOB_ID");
  EXPECT_EQ(holder_of(output), "");
}

TEST_F(RunFolders, AreHeldByALiveProcessAndTakenOverFromAKilledOne) {
  Child child([&] {
    static RunFolder* run = new RunFolder(output);
    write_file(run->partial(output), "half");
  });
  EXPECT_TRUE(contains(holder_of(output), "process " + std::to_string(child.pid)));
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder second(output); }), std::to_string(child.pid)));
  child.end();
  EXPECT_EQ(holder_of(output), "");
  const RunFolder second(output);
  EXPECT_EQ(read_file(second.partial(output)), "half");
}

TEST_F(RunFolders, AreNotHeldByALaterProcessWithTheSameNumber) {
  leave_lock(this_host(), getpid(), "1");  // this process did not begin when the machine did
  EXPECT_EQ(holder_of(output), "");
  EXPECT_NO_THROW(RunFolder run(output));
}

TEST_F(RunFolders, OfAnotherHostAreHeldWhileItsHeartBeats) {
  leave_lock("some-other-host", 1, "5");
  EXPECT_TRUE(contains(holder_of(output), "some-other-host"));
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(output); }), "some-other-host"));
  fs::last_write_time(lock, fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_EQ(holder_of(output), "");
  EXPECT_NO_THROW(RunFolder run(output));
}

TEST_F(RunFolders, AreNotHeldByALockThatSaysNothing) {
  for (const char* text : {"", "host", "host 17", "\n\n"}) {
    fs::create_directory(output + ".run");
    write_file(lock, text);
    EXPECT_EQ(holder_of(output), "") << text;
    EXPECT_NO_THROW(RunFolder run(output)) << text;
  }
}

TEST_F(RunFolders, AreTakenOverByOneOfManyRunsThatTryTogether) {
  for (int round = 0; round < 20; ++round) {
    leave_lock(this_host(), getpid(), "1");
    int gate[2], results[2];
    ASSERT_EQ(pipe(gate), 0);
    ASSERT_EQ(pipe(results), 0);
    std::vector<pid_t> children;
    constexpr int runs = 6;
    for (int i = 0; i < runs; ++i) {
      children.push_back(fork());
      if (children.back() != 0) continue;
      char byte = 0;
      close(gate[1]);
      (void)!read(gate[0], &byte, 1);  // returns when the parent closes its end: all at once
      try {
        static RunFolder* run = new RunFolder(output);
        run->keep();
        byte = 'y';
      } catch (const Error&) {
        byte = 'n';
      }
      (void)!write(results[1], &byte, 1);
      while (true) pause();  // the winner stays alive
    }
    close(gate[0]);
    close(gate[1]);
    int winners = 0;
    for (int i = 0; i < runs; ++i) {
      char byte = 0;
      ASSERT_EQ(read(results[0], &byte, 1), 1);
      winners += byte == 'y';
    }
    for (const pid_t child : children) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
    }
    close(results[0]);
    close(results[1]);
    EXPECT_EQ(winners, 1) << "round " << round;
    fs::remove_all(output + ".run");
  }
}

TEST_F(RunFolders, FailEarlyWhereNoProductCanBePut) {
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(folder.file("none/z.h5")); }), "no such folder"));
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(folder.path()); }), "is a folder"));
}

TEST_F(RunFolders, AreMadeOnlyForProductsThatCanStandSideBySide) {
  EXPECT_NO_THROW(check_outputs({output, fits}, {}));
  EXPECT_NO_THROW(check_outputs({output, fits}, {folder.file("none.fits")}));
  EXPECT_TRUE(contains(error_of<UsageError>([&] { check_outputs({output, output}, {}); }), output));
  fs::create_directory(folder.file("other"));
  EXPECT_TRUE(contains(error_of<UsageError>([&] { check_outputs({output, folder.file("other/z.h5")}, {}); }), "other/z.h5"));
  EXPECT_TRUE(contains(error_of<IoError>([&] { check_outputs({output, folder.file("none/z.fits")}, {}); }), "no such folder"));
  write_file(fits, "an input");
  fs::create_symlink(fits, folder.file("link.fits"));
  for (const std::string& input : {fits, folder.file("link.fits")})
    EXPECT_TRUE(contains(error_of<UsageError>([&] { check_outputs({output, fits}, {input}); }), "both input and output"));
  if (fs::exists("/dev/shm") && access("/dev/shm", W_OK) == 0) {
    EXPECT_TRUE(contains(error_of<UsageError>([&] { check_outputs({output, "/dev/shm/z.fits"}, {}); }), "file systems"));
  }
}

class Publishing : public RunFolders {
 protected:
  Publishing() : run(output) {
    write_file(run.partial(output), "main");
    write_file(run.partial(fits), "other");
  }
  RunFolder run;
};

TEST_F(Publishing, GivesTheProductsTheirNames) {
  publish_products(output, {output, fits}, false);
  EXPECT_EQ(read_file(output), "main");
  EXPECT_EQ(read_file(fits), "other");
  EXPECT_FALSE(fs::exists(run.partial(output)));
}

TEST_F(Publishing, ReplacesOlderProducts) {
  write_file(output, "old");
  publish_products(output, {output}, false);
  EXPECT_EQ(read_file(output), "main");
}

TEST_F(Publishing, DoesNothingWhenAProductIsMissing) {
  fs::remove(run.partial(fits));
  EXPECT_TRUE(contains(error_of<IoError>([&] { publish_products(output, {output, fits}, false); }), "z.fits"));
  EXPECT_FALSE(fs::exists(output));
}

TEST_F(Publishing, GivesTheMainProductItsNameLast) {
  fs::create_directory(fits);  // the other cannot get its name
  EXPECT_TRUE(contains(error_of<IoError>([&] { publish_products(output, {output, fits}, false); }), "z.fits"));
  EXPECT_FALSE(fs::exists(output));
}

TEST_F(Publishing, GoesOnWhereItWasInterrupted) {
  fs::rename(run.partial(fits), fits);
  publish_products(output, {output, fits}, true);
  EXPECT_EQ(read_file(output), "main");
  EXPECT_EQ(read_file(fits), "other");
  EXPECT_NO_THROW(publish_products(output, {output, fits}, true));
}

TEST_F(Publishing, PrefersWhatThisRunMadeToAnOlderProduct) {
  write_file(fits, "old");
  publish_products(output, {output, fits}, true);
  EXPECT_EQ(read_file(fits), "other");
}

TEST(WriteDurably, ReplacesAFileInOneStep) {
  const Folder folder;
  const std::string path = folder.file("state.json");
  for (const std::string& text : {std::string("a longer text"), std::string("short"), std::string()}) {
    write_durably(path, text);
    EXPECT_EQ(read_file(path), text);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
  }
  EXPECT_TRUE(contains(error_of<IoError>([&] { write_durably(folder.file("none/state.json"), "x"); }), "none/state.json"));
}

}  // namespace
}  // namespace skyfold
