#include "launch/restart.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "../support.hpp"
#include "skyfold/io/journal.hpp"
#include "skyfold/workflow/records.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

std::string output_in(std::string_view configuration) { return value_in(configuration, {"output", "archive"}); }

TEST(Ending, IsNormalForTheExitCodesOfSkyfoldAlone) {
  for (const int code : {0, 1, 2, 3, 4, 5, 75}) EXPECT_FALSE((Ending{code, 0}.is_abnormal())) << code;
  for (const int code : {6, 74, 76, 127, 134, 137, 139, 143, 205, 255}) EXPECT_TRUE((Ending{code, 0}.is_abnormal())) << code;
  for (const int signal : {SIGKILL, SIGTERM, SIGSEGV}) EXPECT_TRUE((Ending{0, signal}.is_abnormal())) << signal;
}

TEST(Ending, NamesItsSignal) {
  EXPECT_EQ((Ending{0, SIGKILL}.text()), "signal KILL");
  EXPECT_EQ((Ending{137, 0}.text()), "exit code 137");
}

TEST(RestartPolicy, GivesUpAfterTheGivenAttemptsInARowWithoutProgress) {
  RestartPolicy policy(3, 1.0);
  EXPECT_TRUE(policy.after_failure(false));
  EXPECT_TRUE(policy.after_failure(false));
  EXPECT_FALSE(policy.after_failure(false));
}

TEST(RestartPolicy, StartsToCountAgainAfterProgress) {
  RestartPolicy policy(2, 1.0);
  for (int round = 0; round < 100; ++round) {
    EXPECT_TRUE(policy.after_failure(false));
    EXPECT_TRUE(policy.after_failure(true));
  }
  EXPECT_TRUE(policy.after_failure(false));
  EXPECT_FALSE(policy.after_failure(false));
}

TEST(RestartPolicy, DoublesThePauseWhileThereIsNoProgress) {
  RestartPolicy policy(100, 1.5);
  EXPECT_EQ(policy.after_failure(true), 1.5);
  EXPECT_EQ(policy.after_failure(false), 3.0);
  EXPECT_EQ(policy.after_failure(false), 6.0);
  EXPECT_EQ(policy.after_failure(true), 1.5);
  for (int i = 0; i < 90; ++i) EXPECT_LE(*policy.after_failure(false), 300.0);
  EXPECT_EQ(policy.after_failure(false), 300.0);
}

TEST(RestartPolicy, OfOneAttemptNeverRestartsWithoutProgress) {
  EXPECT_FALSE(RestartPolicy(1, 1.0).after_failure(false));
  EXPECT_TRUE(RestartPolicy(1, 1.0).after_failure(true));
}

TEST(WithoutFresh, DropsTheOptionAndItsValue) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(without_fresh({"photoz", "--fresh", "--output", "z.h5"}), (Words{"photoz", "--output", "z.h5"}));
  EXPECT_EQ(without_fresh({"photoz", "--output", "z.h5", "--fresh"}), (Words{"photoz", "--output", "z.h5"}));
  EXPECT_EQ(without_fresh({"photoz", "--fresh", "true", "--pdf", "interp"}), (Words{"photoz", "--pdf", "interp"}));
  EXPECT_EQ(without_fresh({"photoz", "--fresh=yes", "--fresher", "x"}), (Words{"photoz", "--fresher", "x"}));
}

TEST(OutputIn, FindsTheOutputAmongTheOptionsWithoutSection) {
  EXPECT_EQ(output_in("# a\ncatalogue = c.h5\n# the product\noutput = two words.h5\n\n[pdf]\nbins = 3\n"), "two words.h5");
  EXPECT_EQ(output_in("catalogue = c.h5\noutput = \n"), "");
  EXPECT_EQ(output_in("catalogue = c.h5\n[pdf]\noutput = p.h5\n"), "");
  EXPECT_EQ(output_in(""), "");
  EXPECT_EQ(output_in("output = z.h5"), "z.h5");
  EXPECT_EQ(output_in("output = \"a #1.h5\"\n"), "a #1.h5") << "as --print-config writes a name with a # behind a blank";
}

TEST(PipelineProgress, CountsJobsAndTellsHowTheLastSessionEnded) {
  const testing_support::Folder folder;
  EXPECT_EQ(pipeline_progress(folder.path()).completed, 0);
  workflow::JournalWriter journal(folder.file("journal"));
  const auto end = [&journal](std::int64_t job, const char* how) {
    workflow::EndRecord record;
    record.job = job;
    record.how = how;
    journal.add(record);
  };
  journal.add(workflow::SessionRecord{1.0, "host", "1", "me", 1, 2});
  end(1, "completed");
  end(2, "failed");
  journal.sync();
  const RunProgress before = pipeline_progress(folder.path());
  EXPECT_EQ(before.completed, 1);
  EXPECT_FALSE(before.exit_code);
  end(2, "completed");
  journal.add(workflow::CloseRecord{3.0, 5});
  journal.sync();
  const RunProgress after = pipeline_progress(folder.path());
  EXPECT_EQ(ranges_gained(before, after), 1);
  EXPECT_EQ(after.exit_code, 5);
  EXPECT_NE(after.last, before.last);
}

class RunProgressTest : public testing::Test {
 protected:
  RunProgressTest() : folder_(fs::temp_directory_path() / ("skyfold_launch_" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~RunProgressTest() override { fs::remove_all(folder_); }

  void write(const std::vector<Event>& events) const {
    Journal journal((folder_ / "journal").string());
    for (const Event event : events) {
      JournalRecord record;
      record.event = event;
      record.attempt = 5;
      journal.append(record);
    }
  }
  RunProgress progress() const { return run_progress(folder_.string()); }

  fs::path folder_;
};

TEST_F(RunProgressTest, IsNothingWithoutAJournal) {
  EXPECT_EQ(progress().completed, 0);
  EXPECT_FALSE(progress().exit_code);
  EXPECT_EQ(run_progress("/nowhere/at/all").completed, 0);
}

TEST_F(RunProgressTest, CountsCompletedRanges) {
  write({Event::session, Event::started, Event::started, Event::done, Event::failed, Event::done, Event::lost});
  EXPECT_EQ(progress().completed, 2);
  EXPECT_FALSE(progress().exit_code);
}

TEST_F(RunProgressTest, HasTheExitCodeOfARunThatHasEnded) {
  write({Event::session, Event::started, Event::done, Event::ended});
  EXPECT_EQ(progress().exit_code, 5);
  write({Event::session});  // a later one works
  EXPECT_FALSE(progress().exit_code);
}

TEST_F(RunProgressTest, GainsWhatIsDoneInBetween) {
  write({Event::session, Event::done});
  const RunProgress before = progress();
  EXPECT_EQ(ranges_gained(before, progress()), 0);
  write({Event::done, Event::done});
  EXPECT_EQ(ranges_gained(before, progress()), 2);
  EXPECT_EQ(ranges_gained(RunProgress(), progress()), 3);
}

TEST_F(RunProgressTest, GainsAllOfAJournalThatWasBegunAnew) {
  write({Event::session, Event::done, Event::done, Event::done});
  const RunProgress before = progress();
  fs::remove(folder_ / "journal");
  write({Event::session, Event::done, Event::done});
  EXPECT_EQ(ranges_gained(before, progress()), 2);
}

}  // namespace
}  // namespace skyfold
