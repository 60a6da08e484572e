#include "skyfold/run/folder.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

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
    leave_folder();
    write_file(lock, host + " " + std::to_string(pid) + " " + start + " ");
  }
  /// Makes a run folder with nothing in it but its mark.
  void leave_folder() const {
    fs::create_directory(output + ".run");
    write_file(output + ".run/skyfold-run", "");
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
    const RunFolder run(output, {output});
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
  RunFolder run(output, {output});
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
  EXPECT_EQ(std::distance(fs::directory_iterator(first.path()), {}), 4) << "more than mark, list, lock and the products";
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

/// What a run on another machine does to its lock: the counter moves, and the time of change is that of a clock which is an
/// hour off.
class OtherMachine {
 public:
  explicit OtherMachine(std::string lock)
      : lock_(std::move(lock)), heart_([this] {
          for (int count = 0; !ends_; ++count) {
            write_file(lock_ + "~", "some-other-host 1 5 - another-boot pid:[1] " + std::to_string(count) + "\n");
            fs::last_write_time(lock_ + "~", fs::file_time_type::clock::now() - std::chrono::hours(1));
            fs::rename(lock_ + "~", lock_);
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
          }
        }) {}
  ~OtherMachine() {
    ends_ = true;
    heart_.join();
  }

 private:
  std::string lock_;
  std::atomic<bool> ends_ = false;
  std::thread heart_;
};

TEST_F(RunFolders, OfAnotherMachineAreHeldWhileTheirCounterMovesWhateverItsClockSays) {
  setenv("SKYFOLD_LOCK_PATIENCE", "1.5", 1);
  leave_folder();
  {
    const OtherMachine other(lock);
    while (!fs::exists(lock)) std::this_thread::yield();
    EXPECT_TRUE(contains(holder_of(output), "some-other-host"));
    EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(output); }), "some-other-host"));
  }
  fs::last_write_time(lock, fs::file_time_type::clock::now() + std::chrono::minutes(2));  // its clock is ahead, but it is dead
  EXPECT_NO_THROW(RunFolder run(output));
  unsetenv("SKYFOLD_LOCK_PATIENCE");
}

TEST_F(RunFolders, AreHeldByAProcessWhoseNumberMeansNothingHere) {
  Child child([&] {
    static const RunFolder* const run = new RunFolder(output);
    (void)run;
  });
  const std::string record = read_file(lock), number = std::to_string(child.pid);
  // As a container has it: another space of numbers, where this one belongs to nobody here.
  std::string elsewhere = record;
  elsewhere.replace(elsewhere.find(" " + number + " "), number.size() + 2, " 1 ");
  elsewhere.replace(elsewhere.find("pid:["), 5, "pid:[7");
  std::ofstream(lock, std::ios::in | std::ios::out) << elsewhere << std::string(8, ' ');
  EXPECT_TRUE(contains(holder_of(output), "process 1"));
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(output); }), "process 1"));
  child.end();
  EXPECT_EQ(holder_of(output), "");
  EXPECT_NO_THROW(RunFolder run(output));
}

TEST_F(RunFolders, AreTakenOverOnceTheHelpersOfAKilledRunHaveEnded) {
  Child child([&] {
    static const RunFolder* const run = new RunFolder(output);
    (void)run;
    if (fork() == 0) {  // as the process that looks at an HDF5 file first: it has the lock open, too
      std::this_thread::sleep_for(std::chrono::seconds(1));
      _exit(0);
    }
  });
  child.end();
  EXPECT_NO_THROW(RunFolder second(output));
}

TEST_F(RunFolders, KnowWhenTheirLockIsTakenFromThem) {
  RunFolder first(output);
  EXPECT_NO_THROW(first.require_lock());
  fs::remove(lock);
  const RunFolder second(output);
  EXPECT_TRUE(contains(error_of<IoError>([&] { first.require_lock(); }), "another run has taken this output"));
  EXPECT_TRUE(fs::exists(lock));
}

TEST_F(RunFolders, OfTheUserAreRefusedAndLeftAsTheyAre) {
  const std::string path = output + ".run", mine = path + "/journal";
  const auto expect_refused = [&](const std::string& why) {
    EXPECT_TRUE(contains(error_of<IoError>([&] { check_run_folder(output); }), why));
    EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(output); }), why));
    EXPECT_EQ(read_file(mine), "of the user");
    EXPECT_FALSE(fs::exists(lock));
  };
  fs::create_directories(path);
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(output); }), "is not skyfold's"));
  EXPECT_TRUE(fs::exists(path)) << "also an empty one";
  fs::create_directories(path + "/products");
  write_file(mine, "of the user");
  write_file(path + "/products/z.h5", "of the user");
  expect_refused("is not skyfold's");
  write_file(path + "/state.json", "{\"format\": 1, \"mine\": true}");
  expect_refused("is not skyfold's");
  fs::rename(path, folder.file("documents"));
  fs::create_directory_symlink(folder.file("documents"), path);
  write_file(folder.file("documents/skyfold-run"), "");
  expect_refused("is a link");
  fs::remove(path);
  write_file(path, "x");
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(output); }), "is a file"));
  EXPECT_EQ(read_file(path), "x");
}

TEST_F(RunFolders, OfAnotherUserAreRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  leave_folder();
  ASSERT_EQ(chown((output + ".run").c_str(), 4711, 4711), 0);
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(output); }), "another user (number 4711)"));
}

TEST_F(RunFolders, LoseOnlyWhatSkyfoldHasMade) {
  const std::string path = output + ".run";
  leave_folder();
  fs::create_directories(path + "/products/keys.scratch");
  fs::create_directories(path + "/parts/stars");
  fs::create_directories(path + "/figures");
  const std::vector<std::string> foreign = {"notes.txt",       "figures/journal",   "products/other.h5", "products/keys.scratch/notes",
                                            "parts/notes.txt", "parts/stars/notes", "parts/stars/17"};
  for (const std::string& name : foreign) write_file(path + "/" + name, "of the user");
  for (const char* name : {"journal", "state.json.new", "crash.3", "products/z.h5", "products/z.h5.undo", "products/keys.scratch/65536",
                           "parts/stars/segment.0123456789abcdef", "parts/stars/.skyfold-0123456789abcdef.new"})
    write_file(path + "/" + name, "of a run");
  { const RunFolder run(output, {output}); }
  for (const std::string& name : foreign) EXPECT_EQ(read_file(path + "/" + name), "of the user") << name;
  const auto left = std::count_if(fs::recursive_directory_iterator(path), {}, [](const auto& entry) { return entry.is_regular_file(); });
  EXPECT_EQ(left, std::ssize(foreign));
}

TEST_F(RunFolders, RefusePipesAndLinksInThem) {
  for (const char* name : {"journal", "state.json", "lock", "products", "products.x/1"}) {
    leave_folder();
    const std::string path = output + ".run/" + name;
    fs::create_directories(fs::path(path).parent_path());
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(output); }), path)) << name;
    fs::remove(path);
    fs::create_symlink(folder.file("victim"), path);
    EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(output); }), path)) << name;
    fs::remove(path);
  }
  EXPECT_FALSE(fs::exists(folder.file("victim")));
}

TEST_F(RunFolders, AreNotHeldByALockThatSaysNothing) {
  for (const char* text : {"", "host", "host 17", "\n\n"}) {
    leave_folder();
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

TEST_F(Publishing, WritesThroughALink) {
  const Folder elsewhere;
  fs::create_symlink(folder.file("real.h5"), folder.file("l.h5"));
  const std::string l = folder.file("l.h5");
  for (const char* before : {"", "old"}) {  // its target is not there, or is
    if (*before) write_file(folder.file("real.h5"), before);
    EXPECT_EQ(run_path(l), folder.file("real.h5.run"));
    const RunFolder of_link(l, {l});
    write_file(of_link.partial(l), "new");
    publish_products(l, {l}, false);
    EXPECT_TRUE(fs::is_symlink(l));
    EXPECT_EQ(read_file(folder.file("real.h5")), "new");
  }
  EXPECT_TRUE(contains(error_of<UsageError>([&] { check_outputs({folder.file("real.h5"), l}, {}); }), "one file"));
  EXPECT_TRUE(contains(error_of<UsageError>([&] { check_outputs({l}, {folder.file("real.h5")}); }), "both input and output"));
  fs::create_symlink("/dev/null", folder.file("null.h5"));
  EXPECT_TRUE(contains(error_of<IoError>([&] { check_outputs({folder.file("null.h5")}, {}); }), "device"));
}

}  // namespace
}  // namespace skyfold
