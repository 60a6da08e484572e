// Agents run real programs: what these leave, say and use comes back, and nothing of them is left, whatever they do to stay.
#include "skyfold/workflow/agent.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "../support.hpp"
#include "orphans.hpp"
#include "programs.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/process_status.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::workflow {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::read_file;

using programs::comes;
using programs::lives;
using programs::number_in;
using programs::patience_s;

bool ends(pid_t process) {
  return comes([process] { return !lives(process); });
}

class AgentTest : public testing::Test {
 protected:
  Order shell(const std::string& text, std::int64_t job = 1) { return programs::shell_order(text, folder_.path(), home_, job); }

  static std::vector<Outcome> wait_for(Agent& agent, std::size_t count) {
    std::vector<Outcome> all;
    for (const double end_s = now_s() + patience_s; all.size() < count && now_s() < end_s;)
      for (Outcome& outcome : agent.wait(1.0)) all.push_back(std::move(outcome));
    EXPECT_EQ(all.size(), count);
    all.resize(count);
    return all;
  }

  EndRecord end_of(const Order& order) {
    Agent agent("test", 1, home_);
    agent.start(order);
    return wait_for(agent, 1)[0].end;
  }
  EndRecord end_of(const std::string& text) { return end_of(shell(text)); }
  std::string log() const { return read_file(home_ + "/log/task.1.log"); }

  testing_support::Folder folder_;
  std::string home_ = folder_.file("home");
};

TEST_F(AgentTest, TellsWhatAProgramHasMadeAndSaid) {
  const EndRecord end = end_of(
      "mkdir $SKYFOLD_OUT/cat; printf abc > \"$SKYFOLD_OUT/cat/a b\"; : > $SKYFOLD_OUT/0; echo \"reduced brick=3 path='$SKYFOLD_OUT/0'\" "
      ">> "
      "$SKYFOLD_EVENTS; echo first; echo second >&2");
  EXPECT_EQ(end.how, "completed") << end.message;
  ASSERT_EQ(end.outputs.size(), 2U);
  EXPECT_EQ(end.outputs[0].path, "0");
  EXPECT_EQ(end.outputs[1].path, "cat/a b");
  EXPECT_EQ(end.outputs[1].hash, hex64(hash_text("abc")));
  EXPECT_EQ(end.outputs[1].bytes, 3);
  ASSERT_EQ(end.events.size(), 1U);
  EXPECT_EQ(end.events[0].event_class, "reduced");
  EXPECT_EQ(end.events[0].keys, (Keys{{"brick", "3"}, {"path", home_ + "/scratch/1.1/0"}}));
  EXPECT_EQ(log(), "first\nsecond\n");
}

TEST_F(AgentTest, GivesAProgramItsPlaceAndNothingOfTheLaunchers) {
  ::setenv("PMIX_RANK", "3", 1);
  ::setenv("OMPI_MCA_btl", "self", 1);
  Order order = shell("echo $SKYFOLD_JOB $SKYFOLD_ATTEMPT $SKYFOLD_PIPELINE; pwd; echo [$PMIX_RANK] $OMPI_MCA_btl $MINE; cat; ulimit -f");
  order.attempt = 2;
  order.environment = {{"MINE", "a b"}};
  EXPECT_EQ(end_of(order).how, "completed");
  ::unsetenv("PMIX_RANK");
  ::unsetenv("OMPI_MCA_btl");
  EXPECT_EQ(log(), "1 2 " + home_ + "\n" + folder_.path() + "\n[] self a b\nunlimited\n");
}

TEST_F(AgentTest, GivesTheLastLineOfAFailure) {
  const EndRecord end = end_of("echo no PSF star; echo; exit 2");
  EXPECT_EQ(end.how, "failed");
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.message, "no PSF star");
  EXPECT_EQ(log(), "no PSF star\n\nskyfold: attempt 1 failed: no PSF star\n");
  EXPECT_EQ(end_of("kill -SEGV $$").signal, SIGSEGV);
}

TEST_F(AgentTest, SaysWhyAProgramCannotBeStarted) {
  Order order = shell("");
  order.words = {"no-such-program"};
  EXPECT_EQ(end_of(order).message, "cannot start 'no-such-program': no such program is on its PATH");
  order.words = {"/no/such/program"};
  EXPECT_EQ(end_of(order).message, "cannot start '/no/such/program': No such file or directory");
  order.words = {"true"};
  order.folder = "/no/such/folder";
  EXPECT_EQ(end_of(order).message, "cannot start 'true' in the folder '/no/such/folder': No such file or directory");
  order.folder = folder_.path();
  order.environment = {{"PATH", "/nowhere"}};
  EXPECT_EQ(end_of(order).how, "failed");
}

TEST_F(AgentTest, RunsAsManyAsItHasSlotsFor) {
  Agent agent("test", 3, home_);
  agent.start(shell("sleep 100", 1));
  Order wide = shell("exit 0", 2);
  wide.slots = 2;
  agent.start(wide);
  EXPECT_EQ(agent.free_slots(), 0);
  EXPECT_THROW(agent.start(shell("exit 0", 3)), Error);
  EXPECT_EQ(wait_for(agent, 1)[0].job, 2);
  EXPECT_EQ(agent.free_slots(), 2);
  agent.end_all(0.0);
  EXPECT_EQ(agent.free_slots(), 3);
  EXPECT_TRUE(agent.wait(0.0).empty());
  agent.start(shell("exit 0", 4));
  EXPECT_EQ(wait_for(agent, 1)[0].job, 4);
}

TEST_F(AgentTest, EndsWhatTakesTooLongFirstKindly) {
  Order order = shell("trap 'echo asked; exit 0' TERM; while :; do sleep 0.01; done");
  order.timeout_s = 0.3;
  const EndRecord end = end_of(order);
  EXPECT_EQ(end.how, "failed");
  EXPECT_TRUE(end.timed_out);
  EXPECT_EQ(end.message, "not done within 0.3 s (timeout)");
  EXPECT_TRUE(contains(log(), "asked\nskyfold: attempt 1 failed: not done within 0.3 s (timeout)\n"));
}

// Out of its group and session, without environment, deaf, and its parents dead: what a program can do to get away.
const std::string escape =
    "env -i PATH=$PATH F=$F setsid sh -c 'trap \"\" TERM INT HUP; (sh -c \"echo \\$\\$ > $F.new; mv $F.new $F; while :; do sleep 1; done\" "
    "&) ; exit 0'";

TEST_F(AgentTest, LeavesNothingOfAJobWhenItHasEnded) {
  const std::string file = folder_.file("pid");
  EXPECT_EQ(end_of("export F=" + file + "; " + escape + "; while ! test -e $F; do sleep 0.01; done").how, "completed");
  const pid_t process = number_in(file);
  ASSERT_GT(process, 0);
  EXPECT_FALSE(lives(process));
}

TEST_F(AgentTest, LeavesNothingOfAJobThatTakesTooLong) {
  const std::string file = folder_.file("pid");
  Order order = shell("trap '' TERM; export F=" + file + "; " + escape + "; while :; do sleep 1; done");
  order.timeout_s = 0.5;
  order.grace_s = 0.2;
  const EndRecord end = end_of(order);
  EXPECT_EQ(end.signal, SIGKILL);
  EXPECT_TRUE(end.timed_out);
  const pid_t process = number_in(file);
  ASSERT_GT(process, 0);
  EXPECT_FALSE(lives(process));
}

/// A process with an agent of two slots that runs a job, as the owner of a pipeline is one.
pid_t start_owner(const std::string& home, const Order& order) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  Agent agent("owner", 2, home);
  agent.start(order);
  for (;;) (void)agent.wait(10.0);
}

pid_t parent_of(pid_t process) {
  const auto status = process_status(process);
  return status ? status->parent : 0;
}

TEST_F(AgentTest, LeavesNothingWhenItIsKilled) {
  const std::string file = folder_.file("pid"), leader = folder_.file("leader");
  const pid_t owner =
      start_owner(home_, shell("trap '' TERM; export F=" + file + "; " + escape + "; echo $$ > " + leader + "; sleep 1000"));
  const pid_t escaped = number_in(file), program = number_in(leader);
  ASSERT_TRUE(lives(escaped) && lives(program));
  ::kill(owner, SIGKILL);
  ::waitpid(owner, nullptr, 0);
  EXPECT_TRUE(ends(escaped));
  EXPECT_TRUE(ends(program));
}

TEST_F(AgentTest, FindsAtTheNextStartWhatHasOutlivedAllThatLookedAfterIt) {
  const std::string file = folder_.file("pid");
  const pid_t owner =
      start_owner(home_, shell("trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > " + file + "; sleep 1000' & sleep 1000"));
  const pid_t escaped = number_in(file);
  ASSERT_TRUE(lives(escaped));
  const pid_t shell_process = parent_of(escaped), keeper = parent_of(shell_process);
  ASSERT_EQ(parent_of(keeper), owner);
  ::kill(owner, SIGSTOP);
  ::kill(keeper, SIGKILL);
  ::kill(owner, SIGKILL);
  ::waitpid(owner, nullptr, 0);
  EXPECT_EQ(end_orphans(home_ + "/another"), 0);
  EXPECT_TRUE(lives(escaped));
  EXPECT_GE(end_orphans(home_), 1);
  EXPECT_TRUE(ends(escaped));
}

TEST_F(AgentTest, LeavesTheProgramsOfLivingAgentsAlone) {
  const std::string file = folder_.file("pid");
  Agent agent("first", 1, home_);
  agent.start(shell("echo $$ > " + file + "; sleep 1000"));
  const pid_t process = number_in(file);
  EXPECT_EQ(end_orphans(home_), 0);
  const Agent second("second", 1, home_);
  EXPECT_TRUE(lives(process));
}

TEST_F(AgentTest, SurvivesAJobThatKillsWhatLooksAfterIt) {
  const std::string file = folder_.file("pid");
  Agent agent("test", 2, home_);
  agent.start(shell("export F=" + file + "; " + escape + "; while ! test -e $F; do sleep 0.01; done; kill -9 $PPID; sleep 1000", 7));
  const Outcome outcome = wait_for(agent, 1)[0];
  EXPECT_EQ(outcome.job, 7);
  EXPECT_EQ(outcome.end.how, "killer");
  EXPECT_TRUE(ends(number_in(file)));
  EXPECT_EQ(agent.free_slots(), 2);
  agent.start(shell("exit 0", 8));
  agent.start(shell("exit 0", 9));
  EXPECT_EQ(wait_for(agent, 2)[0].end.how, "completed");
}

TEST_F(AgentTest, TakesAJobThatIsEndedFromOutsideWithItsWorkerForLost) {
  const EndRecord end = end_of("kill -TERM $PPID; kill -TERM $$; sleep 1000");
  EXPECT_EQ(end.how, "lost");
  EXPECT_EQ(end_of("kill -TERM $$; sleep 1000").how, "failed");
}

TEST_F(AgentTest, EndsWhatUsesTooMuchMemoryAndSaysSo) {
  Order order = shell("");
  order.words = {"/usr/bin/python3", "-c", "import time; x = bytearray(b'1' * 200_000_000); time.sleep(1000)"};
  order.memory_bytes = 100'000'000;
  const EndRecord end = end_of(order);
  EXPECT_EQ(end.how, "failed");
  EXPECT_NE(end.message.find("more than its 100,000,000 (memory)"), std::string::npos) << end.message;
  EXPECT_GT(end.memory_bytes, 100'000'000);
}

TEST_F(AgentTest, MeasuresWhatAProgramHasUsed) {
  Order order = shell("");
  order.words = {"/usr/bin/python3", "-c", "x = bytearray(b'1' * 150_000_000)\nimport time\nwhile time.process_time() < 0.2: pass"};
  const EndRecord end = end_of(order);
  EXPECT_EQ(end.how, "completed") << end.message;
  EXPECT_GT(end.memory_bytes, 150'000'000);
  EXPECT_LT(end.memory_bytes, 1'000'000'000);
  EXPECT_GE(end.cpu_s, 0.2);
  EXPECT_GE(end.wall_s, 0.2);
}

TEST_F(AgentTest, KeepsSoMuchOfTheOutputAndItsLastLine) {
  Order order = shell("yes 0123456789 | head -n 200000; echo the end; exit 3");
  order.log_bytes = 100'003;
  const EndRecord end = end_of(order);
  EXPECT_EQ(end.exit_code, 3);
  EXPECT_EQ(end.message, "the end");
  const std::string text = log();
  std::string expected;
  while (expected.size() < 100'003) expected += "0123456789\n";
  expected.resize(100'003);
  expected += "\nskyfold: what comes beyond 100,003 bytes (log.max) is left out\nskyfold: attempt 1 failed: the end\n";
  EXPECT_EQ(text, expected);
}

TEST_F(AgentTest, PutsTheLogsOfAttemptsBehindOneAnother) {
  Order order = shell("echo no; exit 1");
  (void)end_of(order);
  order.attempt = 2;
  (void)end_of(order);
  EXPECT_EQ(log(), "no\nskyfold: attempt 1 failed: no\nskyfold: attempt 2\nno\nskyfold: attempt 2 failed: no\n");
}

TEST_F(AgentTest, MakesNoLogAndLeavesNoFolderWhereThereIsNothingToKeep) {
  EXPECT_EQ(end_of("exit 0").how, "completed");
  EXPECT_FALSE(std::filesystem::exists(home_ + "/log/task.1.log"));
  EXPECT_FALSE(std::filesystem::exists(home_ + "/scratch/1.1"));
}

TEST_F(AgentTest, StartsAnAttemptInAnEmptyFolder) {
  std::filesystem::create_directories(home_ + "/scratch/1.1/old");
  testing_support::write_file(home_ + "/scratch/1.1/old/file", "of a start that was killed");
  testing_support::write_file(home_ + "/scratch/1.1.events", "old x=1\n");
  const EndRecord end = end_of(": > $SKYFOLD_OUT/new; echo new x=2 >> $SKYFOLD_EVENTS");
  ASSERT_EQ(end.outputs.size(), 1U);
  EXPECT_EQ(end.outputs[0].path, "new");
  ASSERT_EQ(end.events.size(), 1U);
  EXPECT_EQ(end.events[0].event_class, "new");
}

TEST_F(AgentTest, RefusesWhatIsNoFile) {
  EXPECT_NE(end_of("ln -s /etc/passwd $SKYFOLD_OUT/link").message.find("/link: is neither a file nor a folder"), std::string::npos);
  EXPECT_NE(end_of("mkfifo $SKYFOLD_OUT/pipe").message.find("/pipe: is neither a file nor a folder"), std::string::npos);
  EXPECT_NE(end_of("touch \"$SKYFOLD_OUT/a\nb\"").message.find("must not have a line break"), std::string::npos);
  EXPECT_NE(end_of("mkfifo $SKYFOLD_EVENTS").message.find("is no regular file"), std::string::npos);
  EXPECT_NE(end_of("ln -s /etc/passwd $SKYFOLD_EVENTS").message.find("is no regular file"), std::string::npos);
  EXPECT_EQ(end_of("ln -s /etc $SKYFOLD_OUT/link").how, "failed");
}

TEST_F(AgentTest, FailsAJobForAnEventThatItCannotRead) {
  const EndRecord end = end_of("echo reduced brick=3 >> $SKYFOLD_EVENTS; echo reduced brick >> $SKYFOLD_EVENTS");
  EXPECT_EQ(end.how, "failed");
  EXPECT_EQ(end.message, "line 2 of its events is not 'class key=value ...': there is no '=' behind 'brick': reduced brick");
  EXPECT_TRUE(end.events.empty());
}

TEST_F(AgentTest, IsWokenByADescriptor) {
  Agent agent("test", 1, home_);
  std::array<int, 2> ends = {-1, -1};
  ASSERT_EQ(::pipe(ends.data()), 0);
  agent.wake_on(ends[0]);
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  const double start_s = now_s();
  EXPECT_TRUE(agent.wait(patience_s).empty());
  EXPECT_LT(now_s() - start_s, patience_s);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(AgentTest, ReportsManyOutputsInOneLine) {
  const EndRecord end =
      end_of("cd $SKYFOLD_OUT; i=0; while [ $i -lt 3000 ]; do : > a-file-with-a-rather-long-name-number-$i; i=$((i+1)); done");
  EXPECT_EQ(end.outputs.size(), 3000U);
}

TEST(Orders, ReadBackWhateverTheirBytes) {
  Order order;
  order.job = 12;
  order.attempt = 3;
  order.words = {"a b", "\"\xff\n", ""};
  order.folder = "/f\n";
  order.environment = {{"N", "v = \\x"}};
  order.is_step = true;
  order.timeout_s = 0.1;
  order.memory_bytes = std::int64_t{1} << 40;
  const std::string line = line_of(order);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(line_of(order_of_line(line)), line);
  EXPECT_EQ(order_of_line(line).words, order.words);
  std::string damaged = line;
  damaged[10] ^= 1;
  EXPECT_THROW((void)order_of_line(damaged), DataError);
}

std::string reason(const std::string& text) {
  const std::string message = error_of<DataError>([&text] { (void)parse_events(text); });
  return message.substr(message.find(": ") + 2);
}

TEST(Events, AreReadByQuotingRules) {
  const auto events = parse_events("a\nb x=1 y='two words' z=\"a\\\"b\\x41\\n\"\tw=it\\'s v= _u.-9=a=b");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(events[0].keys.empty());
  EXPECT_EQ(events[1].keys, (Keys{{"x", "1"}, {"y", "two words"}, {"z", "a\"bA\n"}, {"w", "it's"}, {"v", ""}, {"_u.-9", "a=b"}}));
  EXPECT_TRUE(parse_events("").empty());
}

TEST(Events, SayWhatIsWrongWithALine) {
  EXPECT_EQ(reason("1a x=1"), "a class must begin with a letter and have letters, digits and _ . - alone: 1a x=1");
  EXPECT_EQ(reason("@start x=1").substr(0, 27), "a class must begin with a l");
  EXPECT_EQ(reason("a x"), "there is no '=' behind 'x': a x");
  EXPECT_EQ(reason("a x=1 x=2"), "the key 'x' stands in it twice: a x=1 x=2");
  EXPECT_EQ(reason("a x='1"), "it ends within a value: a x='1");
  EXPECT_EQ(reason("a x=\"\\q\""), "'\\q' means nothing within quotes: a x=\"\\q\"");
  EXPECT_EQ(reason("a x=1\r\n"), "a control character stands in a value: a x=1\\r");
  EXPECT_EQ(reason(std::string("a x=\0", 5)).substr(0, 19), "a control character");
  EXPECT_EQ(reason("a x=\"\\x00\"").substr(0, 25), "'\\x00' cannot be in a val");
  EXPECT_EQ(reason("\na x=1").substr(0, 7), "a class");
  EXPECT_LT(reason("a " + std::string(100'000, 'b')).size(), 600U);
}

TEST(Events, AreTheSameAfterALineOfThem) {
  std::mt19937 random(20260301);
  for (int i = 0; i < 2000; ++i) {
    std::string value(random() % 12, ' ');
    for (char& c : value) c = static_cast<char>(1 + random() % 255);
    const Keys keys = {{"k", value}, {"empty", ""}, {"last", "z"}};
    const auto events = parse_events(event_line("class", keys));
    ASSERT_EQ(events.size(), 1U);
    ASSERT_EQ(events[0].keys, keys);
  }
  EXPECT_THROW((void)event_line("a b", {}), UsageError);
  EXPECT_THROW((void)event_line("a", {{"k k", ""}}), UsageError);
}

TEST(Events, OfAnyBytesAreReadOrRefused) {
  std::mt19937 random(7);
  const std::string start = "reduced brick=3 path=\"a\\x41 b\" name='x y' note=it\\'s\n";
  int good = 0, bad = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string text = start;
    for (std::size_t changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = random() % text.size();
      if (random() % 3 == 0)
        text.erase(at, random() % 5);
      else if (random() % 2 == 0)
        text[at] = static_cast<char>(random() % 256);
      else
        text.insert(at, 1, "\"'\\= \t\nx"[random() % 8]);
      if (text.empty()) text = "x";
    }
    try {
      const auto events = parse_events(text);
      ++good;
      std::string again;
      for (const EventRecord& event : events) again += event_line(event.event_class, event.keys);
      const auto same = parse_events(again);
      ASSERT_EQ(same.size(), events.size()) << text;
      for (std::size_t k = 0; k < events.size(); ++k) ASSERT_EQ(same[k].keys, events[k].keys) << text;
    } catch (const DataError& error) {
      ++bad;
      ASSERT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      ASSERT_NE(std::string(error.what()).find("line "), std::string::npos);
    }
  }
  EXPECT_GT(good, 1000);
  EXPECT_GT(bad, 1000);
}

}  // namespace
}  // namespace skyfold::workflow
