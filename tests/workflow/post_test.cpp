// Owner and guests are processes of their own here, and are killed, stopped and asked to go as they are in life.
#include "skyfold/workflow/post.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>

#include "../support.hpp"
#include "post_files.hpp"
#include "programs.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/process_status.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/run/lock.hpp"

namespace skyfold::workflow {
namespace {

using programs::comes;
using programs::lives;
using programs::number_in;

constexpr int said_done = 0, said_ownerless = 9;

int exit_code_of(pid_t process) {
  int status = -1;
  EXPECT_TRUE(comes([&] { return ::waitpid(process, &status, WNOHANG) == process; }));
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

class PostTest : public testing::Test {
 protected:
  PostTest() { std::filesystem::create_directories(home_); }
  ~PostTest() override {
    for (const pid_t process : processes_) {
      ::kill(process, SIGKILL);
      ::waitpid(process, nullptr, 0);
    }
    ::unsetenv("SKYFOLD_LOCK_PATIENCE");
  }

  template <class Work>
  pid_t start_process(const Work& work) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        ::_exit(work());
      } catch (const Error& error) {
        ::_exit(static_cast<int>(error.code()));
      }
    }
    processes_.push_back(child);
    return child;
  }

  /// Before an owner is there: else it would inherit its lock.
  pid_t start_guest(int slots = 2) {
    return start_process([this, slots] {
      catch_stop_signals();
      return work_as_guest(home_, slots) ? said_done : said_ownerless;
    });
  }

  Order shell(const std::string& text, std::int64_t job) { return programs::shell_order(text, folder_.path(), home_, job); }

  /// What has come when `condition` holds.
  static PostOffice::News look_until(PostOffice& office, const std::function<bool(const PostOffice::News&)>& condition) {
    PostOffice::News all;
    EXPECT_TRUE(comes([&] {
      PostOffice::News news = office.look();
      for (Outcome& outcome : news.outcomes) all.outcomes.push_back(std::move(outcome));
      for (std::string& name : news.lost) all.lost.push_back(std::move(name));
      return condition(all);
    }));
    return all;
  }
  static void wait_for_guests(PostOffice& office, std::size_t count) {
    (void)look_until(office, [&](const PostOffice::News&) { return office.guests().size() == count; });
  }

  testing_support::Folder folder_;
  std::string home_ = folder_.file("home");
  std::vector<pid_t> processes_;
};

TEST_F(PostTest, GuestsDoWhatTheyAreTold) {
  const pid_t one = start_guest(2), two = start_guest(1);
  {
    const RunLock lock(home_, "pipeline");
    PostOffice office(home_);
    wait_for_guests(office, 2);
    int sent = 0;
    std::set<std::int64_t> done;
    EXPECT_TRUE(comes([&] {
      for (const Outcome& outcome : office.look().outcomes) {
        EXPECT_EQ(outcome.end.how, "completed");
        EXPECT_TRUE(done.insert(outcome.job).second);
        EXPECT_EQ(outcome.end.outputs.size(), 1U);
      }
      const std::vector<PostOffice::Guest> guests = office.guests();
      for (const PostOffice::Guest& guest : guests)
        for (int slot = 0; slot < guest.free_slots && sent < 40; ++slot) office.send(guest.name, shell(": > $SKYFOLD_OUT/a", ++sent));
      return done.size() == 40;
    }));
    for (const PostOffice::Guest& guest : office.guests()) EXPECT_EQ(guest.free_slots, guest.slots);
    office.close();
    EXPECT_EQ(exit_code_of(one), said_done);
    EXPECT_EQ(exit_code_of(two), said_done);
  }
  EXPECT_EQ(names_in(home_ + "/agents"), std::vector<std::string>{"current"});
}

TEST_F(PostTest, AKilledGuestIsLostAndNothingOfItIsLeft) {
  const pid_t guest = start_guest();
  const RunLock lock(home_, "pipeline");
  PostOffice office(home_);
  wait_for_guests(office, 1);
  const std::string name = office.guests()[0].name, file = folder_.file("pid");
  office.send(name, shell("trap '' TERM; echo $$ > " + file + "; sleep 1000", 1));
  const pid_t program = number_in(file);
  ::kill(guest, SIGKILL);
  const PostOffice::News news = look_until(office, [](const PostOffice::News& all) { return !all.lost.empty(); });
  EXPECT_EQ(news.lost, std::vector<std::string>{name});
  EXPECT_TRUE(news.outcomes.empty());
  EXPECT_TRUE(office.guests().empty());
  EXPECT_TRUE(comes([program] { return !lives(program); }));
}

TEST_F(PostTest, AGuestEndsItsProgramsWhenItsOwnerIsKilled) {
  const std::string file = folder_.file("pid");
  const pid_t guest = start_guest();
  const pid_t owner = start_process([&] {
    const RunLock lock(home_, "pipeline");
    PostOffice office(home_);
    wait_for_guests(office, 1);
    office.send(office.guests()[0].name, shell("echo $$ > " + file + "; exec sleep 1000", 1));
    for (;;) (void)office.look();
    return 0;
  });
  const pid_t program = number_in(file);
  ASSERT_TRUE(lives(program));
  ::kill(owner, SIGKILL);
  EXPECT_EQ(exit_code_of(guest), said_ownerless);
  EXPECT_FALSE(lives(program));
  // Whoever takes the lock goes on, with another guest.
  const pid_t next = start_guest();
  const RunLock lock(home_, "pipeline");
  PostOffice office(home_);
  wait_for_guests(office, 1);
  office.close();
  EXPECT_EQ(exit_code_of(next), said_done);
}

TEST_F(PostTest, AGuestThatWasStoppedIsGivenUpAndComesBackAsAnother) {
  const pid_t guest = start_guest();
  const RunLock lock(home_, "pipeline");
  PostOffice office(home_);
  wait_for_guests(office, 1);
  const std::string name = office.guests()[0].name, file = folder_.file("pid");
  office.send(name, shell("echo $$ > " + file + "; exec sleep 1000", 1));
  office.send(name, shell("exit 0", 2));
  const pid_t program = number_in(file);
  (void)look_until(office, [](const PostOffice::News& all) { return all.outcomes.size() == 1; });
  ::kill(guest, SIGSTOP);
  ::setenv("SKYFOLD_LOCK_PATIENCE", "1", 1);
  office.send(name, shell("exit 0", 3));
  const PostOffice::News news = look_until(office, [](const PostOffice::News& all) { return !all.lost.empty(); });
  EXPECT_EQ(news.lost, std::vector<std::string>{name});
  EXPECT_TRUE(news.outcomes.empty());
  ::unsetenv("SKYFOLD_LOCK_PATIENCE");
  ::kill(guest, SIGCONT);
  wait_for_guests(office, 1);
  EXPECT_NE(office.guests()[0].name, name);
  EXPECT_EQ(office.guests()[0].free_slots, 2);
  EXPECT_FALSE(lives(program));
  office.send(office.guests()[0].name, shell("exit 0", 4));
  const PostOffice::News after = look_until(office, [](const PostOffice::News& all) { return !all.outcomes.empty(); });
  EXPECT_EQ(after.outcomes[0].job, 4);
  office.close();
  EXPECT_EQ(exit_code_of(guest), said_done);
}

TEST_F(PostTest, AGuestThatIsAskedToStopSaysSoAndLeavesNothing) {
  const pid_t guest = start_guest();
  const RunLock lock(home_, "pipeline");
  PostOffice office(home_);
  wait_for_guests(office, 1);
  const std::string file = folder_.file("pid");
  office.send(office.guests()[0].name, shell("echo $$ > " + file + "; exec sleep 1000", 1));
  const pid_t program = number_in(file);
  ::kill(guest, SIGTERM);
  EXPECT_EQ(exit_code_of(guest), static_cast<int>(ExitCode::stopped));
  EXPECT_FALSE(lives(program));
  const PostOffice::News news = look_until(office, [](const PostOffice::News& all) { return !all.lost.empty(); });
  EXPECT_TRUE(news.outcomes.empty());
}

TEST_F(PostTest, AGuestThatHadNoTurnSeesThatAllIsDone) {
  const pid_t guest = start_guest();
  const std::string children = "/proc/" + std::to_string(guest) + "/task/" + std::to_string(guest) + "/children";
  ASSERT_TRUE(comes([&children] { return !read_small_file(children).empty(); }));  // it waits for an owner
  ::kill(guest, SIGSTOP);
  {
    const RunLock lock(home_, "pipeline");
    PostOffice office(home_);
    office.close();
  }
  ::kill(guest, SIGCONT);
  EXPECT_EQ(exit_code_of(guest), said_done);
}

TEST_F(PostTest, GuestsOfAnEarlierOwnerAreNobodysGuests) {
  std::filesystem::create_directories(home_ + "/agents/old/guest");
  PostOffice office(home_);
  EXPECT_FALSE(std::filesystem::exists(home_ + "/agents/old"));
  EXPECT_TRUE(office.look().lost.empty());
  EXPECT_TRUE(office.guests().empty());
}

TEST_F(PostTest, AnInterestedOwnerLooksOften) {
  PostOffice office(home_);
  for (int i = 0; i < 100; ++i) (void)office.look();
  EXPECT_DOUBLE_EQ(office.interval_s(), 0.5);
}

TEST_F(PostTest, LinesAreReadWhenTheyAreWhole) {
  const std::string text = sealed("first") + sealed("") + sealed("third one");
  const std::string path = folder_.file("lines", "");
  LineReader reader(path);
  std::vector<std::string> read;
  for (const char c : text) {
    ASSERT_TRUE(append_lines(path, std::string_view(&c, 1)));
    for (const std::string& line : reader.read()) read.emplace_back(*text_under_seal(line));
  }
  EXPECT_EQ(read, (std::vector<std::string>{"first", "", "third one"}));
}

TEST_F(PostTest, LinesThatShowZerosAreReadAgain) {
  const std::string line = sealed("an order");
  std::string zeros = line;
  std::fill(zeros.begin() + 2, zeros.begin() + 6, '\0');
  const std::string path = folder_.file("lines", zeros);
  LineReader reader(path);
  EXPECT_TRUE(reader.read().empty());
  testing_support::write_file(path, line);
  EXPECT_EQ(reader.read(), std::vector<std::string>{line});
  EXPECT_TRUE(reader.is_there());
  std::filesystem::remove(path);
  EXPECT_TRUE(reader.read().empty());
  EXPECT_FALSE(reader.is_there());
  EXPECT_FALSE(append_lines(path, line));
}

TEST_F(PostTest, NamesAreUnique) {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) names.insert(unique_name());
  EXPECT_EQ(names.size(), 1000U);
}

}  // namespace
}  // namespace skyfold::workflow
