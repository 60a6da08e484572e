// What a rank does about others that are stopped, dead or failed, without MPI.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <system_error>

#include "heartbeat.hpp"
#include "outbox.hpp"
#include "process_watch.hpp"
#include "skyfold/core/failure.hpp"

namespace skyfold {
namespace {

/// Takes messages for ranks that are awake; those for others stay with the sender. It reads a message only when it leaves,
/// as MPI may.
class FakeCarrier final : public Carrier {
 public:
  std::uint64_t start(int to, int, std::span<const std::byte> bytes) override {
    under_way_[++count_] = {to, bytes};
    return count_;
  }
  bool has_left(std::uint64_t message) override {
    const auto found = under_way_.find(message);
    EXPECT_NE(found, under_way_.end()) << "asked again after it has left";
    const auto [to, bytes] = found->second;
    for (const auto& [earlier, letter] : under_way_)
      if (earlier < message && letter.first == to) return false;  // MPI keeps the order
    if (asleep.contains(to)) return false;
    delivered[to].emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    under_way_.erase(found);
    return true;
  }

  std::set<int> asleep;
  std::map<int, std::vector<std::string>> delivered;

 private:
  std::uint64_t count_ = 0;
  std::map<std::uint64_t, std::pair<int, std::span<const std::byte>>> under_way_;
};

void post(Outbox& outbox, int to, std::string text) { outbox.post(to, 1, std::as_bytes(std::span(text))); }

TEST(OutboxOfARank, DeliversInTheOrderOfPostingAlsoWhatWasPostedWhileTheOtherSlept) {
  FakeCarrier carrier;
  Outbox outbox(carrier);
  carrier.asleep = {1};
  for (const char* text : {"a", "b", "c"}) post(outbox, 1, text);  // texts that are gone when the messages leave
  post(outbox, 2, "x");
  outbox.clean();
  EXPECT_EQ(outbox.waiting(1), 3U);
  EXPECT_EQ(outbox.waiting(2), 0U);
  EXPECT_EQ(carrier.delivered[2], std::vector<std::string>{"x"});
  carrier.asleep.clear();
  outbox.clean();
  EXPECT_EQ(carrier.delivered[1], (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(outbox.waiting(1), 0U);
}

TEST(OutboxOfARank, LeavesToTheCarrierWhatHasNotLeftAtItsEnd) {
  FakeCarrier carrier;
  carrier.asleep = {1};
  {
    Outbox outbox(carrier);
    post(outbox, 1, std::string(1000, 'q'));
  }
  carrier.asleep.clear();
  EXPECT_TRUE(carrier.has_left(1));  // the address sanitizer would see a read of memory that was freed
  EXPECT_EQ(carrier.delivered[1], std::vector<std::string>{std::string(1000, 'q')});
}

/// Looks every hundredth of a heartbeat; rank 0 answers, as long as `hears` says so, after `answer_s`.
double given_up_at(Heartbeat heart, double end_s, const std::function<bool(double)>& hears, const std::function<bool(double)>& runs) {
  std::vector<double> answers;
  for (double now = 0.0; now < end_s; now += 0.01) {
    if (!runs(now)) continue;
    for (double& answer : answers)
      if (answer <= now && answer >= 0.0) {
        heart.heard(now);
        answer = -1.0;
      }
    const Heartbeat::Duty duty = heart.duty(now);
    if (duty == Heartbeat::Duty::give_up) return now;
    if (duty == Heartbeat::Duty::beat && hears(now)) answers.push_back(now + 0.05);
  }
  return -1.0;
}
bool always(double) { return true; }

TEST(HeartbeatOfAWorker, IsSentFourTimesPerHeartbeat) {
  Heartbeat heart(2.0, 0.0);
  int beats = 0;
  for (double now = 0.0; now < 20.0; now += 0.01) {
    heart.heard(now);
    beats += heart.duty(now) == Heartbeat::Duty::beat;
  }
  EXPECT_EQ(beats, 40);
}

TEST(HeartbeatOfAWorker, GivesUpARankZeroThatIsSilentForFourHeartbeatsAndNotBefore) {
  EXPECT_EQ(given_up_at(Heartbeat(1.0, 0.0), 100.0, always, always), -1.0);
  const double at = given_up_at(
      Heartbeat(1.0, 0.0), 100.0, [](double now) { return now < 10.0; }, always);
  EXPECT_GT(at, 14.0);
  EXPECT_LT(at, 14.8);
  EXPECT_EQ(given_up_at(
                Heartbeat(1.0, 0.0), 100.0, [](double now) { return now < 10.0 || now > 13.5; }, always),
            -1.0);
}

TEST(HeartbeatOfAWorker, DoesNotCountTheTimeInWhichItSleptItself) {
  const auto sleeps = [](double now) { return now < 10.0 || now > 60.0; };
  EXPECT_EQ(given_up_at(Heartbeat(1.0, 0.0), 100.0, always, sleeps), -1.0);
  EXPECT_GT(given_up_at(
                Heartbeat(1.0, 0.0), 100.0, [](double now) { return now < 10.0; }, sleeps),
            60.0);  // both, and one wakes
}

/// A child process that waits to be ended.
pid_t sleeping_child() {
  const pid_t child = fork();
  if (child == 0)
    while (true) pause();
  return child;
}

TEST(WatchOverProcesses, SeesTheEndOfAProcessOfThisMachineAndNothingElse) {
  const pid_t child = sleeping_child();
  ProcessName name = this_process();
  EXPECT_FALSE(has_ended(name));
  EXPECT_EQ(process_from(name.text()).text(), name.text());
  const ProcessName itself = name;
  name.pid = child;
  name.start += "0";  // the child may have begun in the clock tick of this process
  ProcessName other_machine = name;
  other_machine.machine += "x";
  EXPECT_TRUE(has_ended(name)) << "the number is that of another process: it started at another time";
  name.start = "";
  EXPECT_FALSE(has_ended(name)) << "nothing is known of its start";
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  name.start = "1";
  EXPECT_TRUE(has_ended(name));
  EXPECT_FALSE(has_ended(other_machine));
  const ProcessWatch watch({itself, other_machine, name, itself});
  EXPECT_EQ(watch.ended(), 2);
  EXPECT_EQ(watch.of({0, 1, 3}).ended(), std::nullopt);
  EXPECT_TRUE(watch.is_speaker(0));
  EXPECT_FALSE(watch.is_speaker(3));
  EXPECT_TRUE(watch.of({2, 3}).is_speaker(1)) << "the lower one is dead";
}

TEST(FailureOfARank, KeepsErrorsAndTellsWhatTheSystemRefusedFromDefects) {
  const auto failure = [](auto thrown) {
    try {
      throw thrown;
    } catch (...) {
      return current_failure();
    }
  };
  EXPECT_EQ(failure(DataError("row 3")).code, ExitCode::data);
  EXPECT_EQ(failure(DataError("row 3")).message, "row 3");
  EXPECT_EQ(failure(std::bad_alloc()).message, "out of memory");
  EXPECT_EQ(failure(std::bad_alloc()).code, ExitCode::io);
  EXPECT_EQ(failure(std::filesystem::filesystem_error("cannot rename", std::make_error_code(std::errc::io_error))).code, ExitCode::io);
  EXPECT_EQ(failure(std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again))).code, ExitCode::io);
  EXPECT_EQ(failure(std::out_of_range("index")).code, ExitCode::bug);
  EXPECT_EQ(failure(7).code, ExitCode::bug);
  EXPECT_FALSE(Failure());
}

}  // namespace
}  // namespace skyfold
