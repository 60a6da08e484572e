#include "log.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "../support.hpp"
#include "trace.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::json;
using testing_support::Folder;
using testing_support::read_file;
using testing_support::write_file;

/// A job of partition `i`, ten rows, computed by `rank` from second `begin` on for two seconds.
JobOutcome outcome_of(std::int64_t i, int rank, double begin, JobEnd end = JobEnd::done) {
  JobOutcome outcome;
  outcome.job = {i, i, 1, {10 * i, 10 * i + 10}};
  outcome.rank = rank;
  outcome.end = end;
  outcome.result = {10, 800, 240, 0x1234 + static_cast<std::uint64_t>(i), 0xffffffff};
  outcome.times = {begin - 0.5, begin, begin + 2.0, 0.25, 2.0, 0.125};
  return outcome;
}

/// The events of a trace whose array is closed, as a reader of Chrome's format does.
Json events_in(const std::string& path) {
  std::string text = read_file(path);
  EXPECT_TRUE(text.ends_with(",\n"));
  text.resize(text.size() - 2);
  return Json::parse(text + "]");
}

class TraceFile : public testing::Test {
 protected:
  Folder folder;
  std::string path = folder.file("trace.json");
};

TEST_F(TraceFile, HasTheTimesOfEachPhaseOnTheLinesOfItsRank) {
  {
    Trace trace(path);
    trace.add(outcome_of(3, 1, 1000.0), "node1", "order 5 \"pixel\" 3");
    trace.add(outcome_of(4, 1, 1003.0), "node1", "p4");
  }
  std::map<std::string, std::vector<Json>> by_name;
  for (const Json& event : events_in(path)) by_name[event.at("name")].push_back(event);
  ASSERT_EQ(by_name["compute"].size(), 2U);
  ASSERT_EQ(by_name["read"].size(), 2U);
  ASSERT_EQ(by_name["write"].size(), 2U);
  ASSERT_EQ(by_name["wait"].size(), 1U);
  const Json& compute = by_name["compute"][0];
  EXPECT_EQ(compute.at("ph"), "X");
  EXPECT_EQ(compute.at("ts"), 1000e6);  // microseconds
  EXPECT_EQ(compute.at("dur"), 2e6);
  EXPECT_EQ(compute.at("args").at("partition"), "order 5 \"pixel\" 3");
  EXPECT_EQ(compute.at("args").at("rows"), "30 to 40");
  EXPECT_EQ(compute.at("args").at("end"), "done");
  EXPECT_EQ(compute.at("args").at("attempt"), 1);
  EXPECT_EQ(by_name["read"][0].at("dur"), 250'000);
  EXPECT_EQ(by_name["write"][0].at("dur"), 125'000);
  EXPECT_EQ(by_name["wait"][0].at("ts"), 1002e6);  // from the end of one kernel to the next
  EXPECT_EQ(by_name["wait"][0].at("dur"), 1e6);
  EXPECT_EQ(by_name["wait"][0].at("tid"), compute.at("tid"));
  EXPECT_NE(by_name["read"][0].at("tid"), compute.at("tid"));
  EXPECT_EQ(by_name["read"][0].at("tid"), by_name["write"][0].at("tid"));
}

TEST_F(TraceFile, NamesItsHostsAndRanksOnce) {
  {
    Trace trace(path);
    for (std::int64_t i = 0; i < 12; ++i)
      trace.add(outcome_of(i, static_cast<int>(i % 3), 1000.0 + static_cast<double>(i)), i % 3 == 2 ? "node2" : "node1", "p");
  }
  std::map<int, std::string> hosts;
  std::map<std::pair<int, int>, std::string> lines;
  for (const Json& event : events_in(path)) {
    if (event.at("name") == "process_name") {
      EXPECT_TRUE(hosts.emplace(event.at("pid"), event.at("args").at("name")).second);
    }
    if (event.at("name") == "thread_name") {
      EXPECT_TRUE(lines.emplace(std::pair<int, int>(event.at("pid"), event.at("tid")), event.at("args").at("name")).second);
    }
  }
  ASSERT_EQ(hosts.size(), 2U);
  EXPECT_EQ(lines.size(), 6U);
  for (const Json& event : events_in(path)) {
    if (event.at("ph") == "X") {
      EXPECT_TRUE(lines.contains({event.at("pid"), event.at("tid")})) << "a line without a name";
    }
  }
  for (const auto& [line, name] : lines) EXPECT_EQ(hosts.at(line.first), name.find("rank 2") == std::string::npos ? "node1" : "node2");
}

TEST_F(TraceFile, SaysHowJobsEnded) {
  {
    Trace trace(path);
    trace.add(outcome_of(0, 0, 1000.0, JobEnd::failed), "h", "p");
    JobOutcome lost;
    lost.job = {1, 1, 1, {10, 20}, 1};
    lost.end = JobEnd::lost;
    trace.add(lost, "h", "p");  // nothing is known of its times
  }
  for (const Json& event : events_in(path)) {
    if (event.at("ph") == "X") {
      EXPECT_EQ(event.at("args").value("end", "failed"), "failed");
    }
  }
}

TEST_F(TraceFile, GoesOnAfterEarlierAttempts) {
  for (int attempt = 0; attempt < 3; ++attempt) Trace(path).add(outcome_of(attempt, 0, 1000.0), "h", "p");
  std::size_t computed = 0;
  for (const Json& event : events_in(path)) computed += event.at("name") == "compute";
  EXPECT_EQ(computed, 3U);
}

TEST_F(TraceFile, OfAKilledProcessHasAllItsEventsAndCanBeContinued) {
  const pid_t child = fork();
  if (child == 0) {
    Trace trace(path);
    for (std::int64_t i = 0; i < 100; ++i) trace.add(outcome_of(i, 0, 1000.0 + static_cast<double>(3 * i)), "h", "p");
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  Trace(path).add(outcome_of(100, 0, 2000.0), "h", "p");
  std::size_t computed = 0;
  for (const Json& event : events_in(path)) computed += event.at("name") == "compute";
  EXPECT_EQ(computed, 101U);
}

TEST(NoTrace, WritesNothing) {
  Trace trace("");
  trace.add(outcome_of(0, 0, 1.0), "h", "p");
  trace.flush();
}

class Log : public testing::Test {
 protected:
  Log() {
    for (std::int64_t i = 0; i < 5; ++i) partitions.push_back({i, "tile " + std::to_string(i), {10 * i, 10 * i + 10}, 10.0});
  }
  /// Tells the log of jobs, as a farm does.
  template <class Tell>
  void run(const Tell& tell) {
    Journal journal(path);
    Trace trace("");
    RunLog log({3, 50, 20, "test", "rows", 64, partitions, hosts}, journal, trace, statistics);
    tell(log);
    records = read_journal(path);
  }
  Folder folder;
  std::string path = folder.file("journal");
  std::vector<Partition> partitions;
  std::vector<std::string> hosts = {"node1", "node1", "node2"};
  RunStatistics statistics;
  std::vector<JournalRecord> records;
};

TEST_F(Log, WritesDownAStartBeforeTheJobIsHandedOut) {
  run([&](RunLog& log) {
    log.started({17, 1, 2, {10, 30}, 1}, 2);
    const auto now = read_journal(path);
    ASSERT_EQ(now.size(), 1U);
    EXPECT_EQ(now[0].event, Event::started);
    EXPECT_EQ(now[0].rows, (RowRange{10, 30}));
    EXPECT_EQ(now[0].first_partition, 1);
    EXPECT_EQ(now[0].partition_count, 2);
    EXPECT_EQ(now[0].attempt, 2);
    EXPECT_EQ(now[0].task, 3);
    EXPECT_EQ(now[0].rank, 2);
    EXPECT_STREQ(now[0].host, "node2");
    EXPECT_STREQ(now[0].label, "tile 1");
  });
}

TEST_F(Log, WritesDownHowJobsEnded) {
  run([&](RunLog& log) {
    log.finished(outcome_of(0, 1, 1000.0));
    JobOutcome failed = outcome_of(1, 0, 1000.0, JobEnd::failed);
    failed.message = std::string(500, 'm');
    log.finished(failed);
    log.finished(outcome_of(2, 2, 1000.0, JobEnd::lost));
  });
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].event, Event::done);
  EXPECT_EQ(records[0].rows_written, 10);
  EXPECT_EQ(records[0].bytes_read, 800);
  EXPECT_EQ(records[0].bytes_written, 240);
  EXPECT_EQ(records[0].rows_checksum, 0x1234U);
  EXPECT_EQ(records[0].fits_sum, 0xffffffffU);
  EXPECT_EQ(records[0].block_rows, 64);
  EXPECT_EQ(records[0].read_s, 0.25);
  EXPECT_EQ(records[0].compute_s, 2.0);
  EXPECT_EQ(records[0].write_s, 0.125);
  EXPECT_EQ(records[1].event, Event::failed);
  EXPECT_EQ(std::string(records[1].message), std::string(sizeof(JournalRecord::message) - 1, 'm'));  // cut to the field
  EXPECT_EQ(records[2].event, Event::lost);
}

TEST_F(Log, SumsWhatWasDoneAndTheTimeOfAll) {
  run([&](RunLog& log) {
    log.finished(outcome_of(0, 0, 1000.0));                  // ends at 1002
    log.finished(outcome_of(1, 1, 1001.0, JobEnd::failed));  // ends at 1003
    JobOutcome longest = outcome_of(2, 1, 1003.0);
    longest.times.compute_s = 7.0;
    longest.times.compute_end = 1010.0;
    log.finished(longest);
  });
  EXPECT_EQ(statistics.rows, 20);  // failed rows do not count
  EXPECT_EQ(statistics.jobs, 3);
  EXPECT_EQ(statistics.bytes_read, 1600);
  EXPECT_EQ(statistics.bytes_written, 480);
  EXPECT_EQ(statistics.compute_s, (std::map<int, double>{{0, 2.0}, {1, 9.0}}));
  EXPECT_EQ(statistics.slowest_s, 7.0);
  EXPECT_EQ(statistics.slowest, "tile 2");
  EXPECT_EQ(statistics.first_idle_s, 1002.0);  // rank 2 never worked
  EXPECT_EQ(statistics.last_end_s, 1010.0);
}

}  // namespace
}  // namespace skyfold
