#include "skyfold/products/run_folder.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using testing_support::read_file;
using testing_support::write_file;

class Run : public testing::Test {
 protected:
  Folder folder;
  std::string output = folder.file("z.h5"), fits = folder.file("z.fits");
};

/// The id of a process that has ended.
pid_t dead_process() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  return child;
}

TEST_F(Run, KeepsTheEffectiveConfigurationWhileItLasts) {
  const RunFolder run(output, "[a]\nb = 1\n");
  EXPECT_EQ(read_file(run.path() + "/config.ini"), "[a]\nb = 1\n");
  EXPECT_EQ(run.partial(fits), partial_path(output, fits));
}

TEST_F(Run, RefusesASecondRunOnTheSameOutputAndNamesTheHolder) {
  const RunFolder first(output, "");
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder second(output, ""); }), std::to_string(getpid())));
  EXPECT_TRUE(fs::exists(first.path()));
}

TEST_F(Run, TakesOverTheLockOfADeadRunAndRemovesWhatItLeft) {
  {
    const RunFolder first(output, "");
    fs::copy(first.path(), folder.file("saved"), fs::copy_options::recursive);
  }
  fs::rename(folder.file("saved"), output + ".run");
  const std::string lock = output + ".run/lock", holder = read_file(lock);
  write_file(lock, holder.substr(0, holder.find(' ') + 1) + std::to_string(dead_process()));
  write_file(output + ".run/left over", "x");
  const RunFolder second(output, "");
  EXPECT_FALSE(fs::exists(output + ".run/left over"));
}

TEST_F(Run, DoesNotTakeTheLockOfAnotherHost) {
  fs::create_directory(output + ".run");
  write_file(output + ".run/lock", "some-other-host 1");
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(output, ""); }), "some-other-host"));
}

TEST_F(Run, PublishesByRenameAndLeavesOnlyTheProducts) {
  {
    RunFolder run(output, "");
    write_file(run.partial(output), "main");
    write_file(run.partial(fits), "other");
    EXPECT_FALSE(fs::exists(output));
    run.publish({output, fits});
    EXPECT_EQ(read_file(output), "main");
    EXPECT_EQ(read_file(fits), "other");
  }
  EXPECT_FALSE(fs::exists(output + ".run"));
}

TEST_F(Run, ReplacesAnOlderProduct) {
  write_file(output, "old");
  RunFolder run(output, "");
  write_file(run.partial(output), "new");
  run.publish({output});
  EXPECT_EQ(read_file(output), "new");
}

TEST_F(Run, PublishesNothingWhenAProductIsMissing) {
  RunFolder run(output, "");
  write_file(run.partial(output), "main");
  EXPECT_TRUE(contains(error_of<IoError>([&] { run.publish({output, fits}); }), "z.fits"));
  EXPECT_FALSE(fs::exists(output));
}

TEST_F(Run, LeavesNothingBehindAfterAnError) {
  try {
    const RunFolder run(output, "");
    write_file(run.partial(output), "half");
    throw std::runtime_error("stop");
  } catch (const std::runtime_error&) {
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(Run, FailsEarlyWhereNoProductCanBePut) {
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(folder.file("none/z.h5"), ""); }), "no such folder"));
  EXPECT_TRUE(contains(error_of<IoError>([&] { RunFolder run(folder.path(), ""); }), "is a folder"));
  EXPECT_TRUE(contains(error_of<UsageError>([&] { check_outputs({output, output}, {}); }), output));
  EXPECT_NO_THROW(check_outputs({output, fits}, {}));
  write_file(fits, "an input");
  EXPECT_TRUE(contains(error_of<Error>([&] { check_outputs({output, fits}, {fits}); }), fits));
}

JobOutcome outcome_of(std::int64_t begin, bool succeeded, std::uint64_t fits_sum) {
  JobOutcome outcome;
  outcome.job = {0, 0, 1, {begin, begin + 10}};
  outcome.succeeded = succeeded;
  outcome.result.fits_sum = fits_sum;
  outcome.message = succeeded ? "" : std::string(500, 'm');
  return outcome;
}

TEST_F(Run, LogKeepsWhatHappenedInTheJournal) {
  const std::string path = folder.file("journal");
  {
    RunLog log(path, "test", 30, "rows");
    log.started({0, 0, 1, {0, 10}}, 1, 2);
    log.finished(outcome_of(0, true, 0xffffffff));
    log.finished(outcome_of(10, false, 5));
    log.finished(outcome_of(20, true, 2));
    EXPECT_EQ(log.fits_sum(), 2U);  // failed ranges do not count; the sum carries around
  }
  const Journal journal(path);
  ASSERT_EQ(journal.found().size(), 4U);
  const RangeState states[] = {RangeState::started, RangeState::done, RangeState::failed, RangeState::done};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(journal.found()[i].state, states[i]);
  EXPECT_EQ(std::string(journal.found()[2].message), std::string(103, 'm'));  // cut to the field
}

}  // namespace
}  // namespace skyfold
