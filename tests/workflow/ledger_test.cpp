// The ledger of a pipeline has what the state has, whatever died in between.
#include "skyfold/workflow/ledger.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "../support.hpp"
#include "engine_reference.hpp"

namespace skyfold::workflow {
namespace {

using namespace testing_world;

/// All that a query gives, as text.
std::multiset<std::string> answer(SqlConnection& database, const std::string& sql) {
  std::multiset<std::string> rows;
  for (const SqlRow& row : database.run(sql)) {
    std::string text;
    for (const SqlValue& value : row) text += sql_text(value) + "|";
    rows.insert(text);
  }
  return rows;
}

std::string joined(const std::vector<std::string>& fields) {
  std::string text;
  for (const std::string& field : fields) text += field + "|";
  return text;
}

struct Expected {
  std::multiset<std::string> events, keys, jobs, job_events, attempts, outputs, results;
};

Expected expected_of(const PipelineState& state) {
  Expected all;
  const auto text = [](auto number) { return std::to_string(number); };
  for (const auto& [id, event] : state.events()) {
    all.events.insert(joined({text(id), text(event.record.parent), event.record.event_class, text(int{event.is_valid})}));
    for (const auto& [name, value] : event.record.keys) all.keys.insert(joined({text(id), name, value}));
  }
  for (const auto& [id, job] : state.jobs()) {
    all.jobs.insert(joined({text(id), job.record.node, job.state, text(int{job.is_valid}), text(job.attempts), text(job.lost)}));
    for (const std::int64_t event : job.record.events) all.job_events.insert(joined({text(id), text(event)}));
    for (const StartRecord& start : job.starts) {
      const auto is_its_end = [&start](const EndRecord& end) { return end.attempt == start.attempt; };
      const auto end = std::find_if(job.ends.begin(), job.ends.end(), is_its_end);
      all.attempts.insert(joined({text(id), text(start.attempt), start.agent, end == job.ends.end() ? "" : end->how}));
    }
    for (const EndRecord& end : job.ends) {
      if (end.attempt == 0) all.attempts.insert(joined({text(id), "0", "", end.how}));
      for (const OutputFile& output : end.outputs) {
        all.outputs.insert(joined({text(id), output.path, output.hash, text(output.bytes)}));
        if (job.is_valid) all.results.insert(joined({output.path, job.record.node}));
      }
    }
  }
  return all;
}

void expect_ledger(const std::string& home, const PipelineState& state) {
  const auto database = open_database(home + "/ledger.db", true);
  const Expected expected = expected_of(state);
  EXPECT_EQ(answer(*database, "SELECT id, parent, class, is_valid FROM events"), expected.events);
  EXPECT_EQ(answer(*database, "SELECT event, name, value FROM event_keys"), expected.keys);
  EXPECT_EQ(answer(*database, "SELECT id, node, state, is_valid, attempts, lost FROM jobs"), expected.jobs);
  EXPECT_EQ(answer(*database, "SELECT job, event FROM job_events"), expected.job_events);
  EXPECT_EQ(answer(*database, "SELECT job, attempt, agent, how FROM attempts"), expected.attempts);
  EXPECT_EQ(answer(*database, "SELECT job, path, hash, bytes FROM outputs"), expected.outputs);
  EXPECT_EQ(answer(*database, "SELECT path, node FROM results"), expected.results);
  EXPECT_EQ(answer(*database, "SELECT COUNT(*) FROM sessions"), std::multiset<std::string>{std::to_string(state.sessions().size()) + "|"});
}

class LedgerTest : public testing::Test {
 protected:
  [[nodiscard]] PipelineState add(const std::vector<Record>& records, std::size_t from, std::size_t to, PipelineState state,
                                  Ledger* ledger) {
    JournalWriter journal(home_.file("journal"));
    for (std::size_t i = from; i < to; ++i) {
      journal.add(records[i]);
      state.apply(records[i]);
      if (ledger) ledger->note(records[i]);
    }
    journal.flush();
    return state;
  }
  /// The journal of a pipeline in which much happens.
  static std::vector<Record> story() {
    PipelineFile file;
    file.name = "p";
    Node reduce, stack;
    reduce.name = "t0";
    reduce.on = {{"@start", Trigger::each, ""}};
    reduce.attempts = 2;
    stack.name = "t1";
    stack.on = {{"c0", Trigger::ended, "brick"}};
    stack.condition = "{brick} == 1";
    file.nodes = {reduce, stack};
    std::vector<Keys> targets;
    for (int i = 0; i < 30; ++i)
      targets.push_back({{"image", std::to_string(i)}, {"brick", std::to_string(i % 4)}, {"note", "it's \"é\" \xff"}});
    World world(file, targets, deeds_of(3));
    std::mt19937 random(5);
    world.run_wildly(random, true);
    world.engine->retry_event(1, {"a=b"});
    world.run_wildly(random, false);
    world.engine->retry_failed();
    world.run_wildly(random, false);
    std::vector<Record> records = {SessionRecord{1.5, "node", "1", "me", 2, 3}};
    for (Record record : world.journal) {
      if (auto* end = std::get_if<EndRecord>(&record); end && end->how == "completed")
        end->outputs = {{"p/" + std::to_string(end->job), "0123456789abcdef", end->job}};
      records.push_back(record);
    }
    records.push_back(CloseRecord{2.5, 5});
    return records;
  }

  testing_support::Folder home_;
};

TEST_F(LedgerTest, HasWhatTheStateHasHoweverOftenItIsWritten) {
  const std::vector<Record> records = story();
  PipelineState state;
  std::mt19937 random(1);
  std::size_t at = 0;
  while (at < records.size()) {
    Ledger ledger(home_.path());
    // What was left of an owner that died before the ledger was written is read from the journal.
    for (int writes = 0; writes < 4 && at < records.size(); ++writes) {
      const std::size_t to = std::min(records.size(), at + 1 + random() % 60);
      state = add(records, at, to, std::move(state), &ledger);
      at = to;
      if (random() % 2) {
        ledger.write(state);
        expect_ledger(home_.path(), state);
      }
    }
  }
  Ledger(home_.path()).write(state);
  expect_ledger(home_.path(), state);
  const auto database = open_database(home_.file("ledger.db"), true);
  EXPECT_EQ(answer(*database, "SELECT start_s, end_s, exit_code, host FROM sessions").size(), 1U);
  EXPECT_EQ(sql_integer(database->run("SELECT exit_code FROM sessions").front().front()), 5);
  EXPECT_EQ(answer(*database, "SELECT job FROM work"), answer(*database, "SELECT id FROM jobs WHERE is_valid = 1"));
  EXPECT_EQ(answer(*database, "SELECT SUM(attempts) FROM costs"), answer(*database, "SELECT COUNT(*) FROM attempts"));
}

TEST_F(LedgerTest, IsMadeAnewWhenItDoesNotFitTheJournal) {
  const std::vector<Record> records = story();
  PipelineState all = add(records, 0, records.size(), {}, nullptr);
  Ledger(home_.path()).write(all);
  const std::string whole = testing_support::read_file(home_.file("ledger.db"));
  // Another journal, of the same length or shorter, and one that is not there at all.
  std::filesystem::remove(home_.file("journal"));
  std::vector<Record> others = records;
  std::get<SessionRecord>(others[0]).host = "NODE";
  others.back() = CloseRecord{3.5, 0};
  const PipelineState other = add(others, 0, others.size(), {}, nullptr);
  Ledger(home_.path()).write(other);
  expect_ledger(home_.path(), other);
  std::filesystem::remove(home_.file("journal"));
  const PipelineState few = add(records, 0, 20, {}, nullptr);
  Ledger(home_.path()).write(few);
  expect_ledger(home_.path(), few);
  // No database, and half of one.
  for (const std::string& content :
       {std::string("no database, but of some length, so that it is looked at: "), whole.substr(0, whole.size() / 2)}) {
    testing_support::write_file(home_.file("ledger.db"), content);
    Ledger(home_.path()).write(few);
    expect_ledger(home_.path(), few);
  }
}

}  // namespace
}  // namespace skyfold::workflow
