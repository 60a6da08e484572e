#include "task_history.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "skyfold/core/random.hpp"
#include "skyfold/farm/dispatcher.hpp"

namespace skyfold {
namespace {

/// A journal as it is written, record by record.
class Records {
 public:
  Records& add(Event event, RowRange rows = {}, int attempt = 1, const std::string& message = "") {
    JournalRecord record;
    record.event = event;
    record.task = task;
    record.rows = rows;
    record.attempt = attempt;
    set_field(record.message, message);
    all.push_back(record);
    return *this;
  }
  Records& done(RowRange rows) { return add(Event::started, rows).add(Event::done, rows); }
  Records& failed(RowRange rows, int attempt, const std::string& message) {
    return add(Event::started, rows, attempt).add(Event::failed, rows, attempt, message);
  }
  Records& session() { return add(Event::session); }
  [[nodiscard]] TaskHistory history(int of_task = 0) const { return {all, of_task}; }

  int task = 0;
  std::vector<JournalRecord> all;
};

std::vector<Partition> partitions_of(std::int64_t n, std::int64_t size) {
  std::vector<Partition> partitions;
  for (std::int64_t i = 0; i < n; ++i)
    partitions.push_back({i, "p" + std::to_string(i), {size * i, size * (i + 1)}, 2.0 * static_cast<double>(size)});
  return partitions;
}

std::vector<RowRange> rows_of(const std::vector<Partition>& pieces) {
  std::vector<RowRange> rows;
  for (const Partition& piece : pieces) rows.push_back(piece.rows);
  return rows;
}

using Ranges = std::vector<RowRange>;

TEST(TaskHistory, OfAnEmptyJournalLeavesThePlanAsItIs) {
  const auto partitions = partitions_of(3, 10);
  const auto left = Records().history().left(partitions, false);
  EXPECT_EQ(rows_of(left.pieces), rows_of(partitions));
  EXPECT_EQ(left.pieces[1].id, 1);
  EXPECT_EQ(left.pieces[1].label, "p1");
  EXPECT_EQ(left.pieces[1].cost, 20.0);
  EXPECT_TRUE(left.suspects.empty() && left.given_up.empty());
  EXPECT_EQ(Records().history().rows_done(), 0);
  EXPECT_TRUE(Records().history().left({}, false).pieces.empty());
}

TEST(TaskHistory, KnowsWhatItsTaskHasDone) {
  Records journal;
  journal.session().done({0, 10}).done({40, 70});
  journal.task = 1;
  journal.done({0, 100});
  EXPECT_EQ(journal.history(0).rows_done(), 40);
  EXPECT_EQ(journal.history(1).rows_done(), 100);
  EXPECT_EQ(journal.history(2).rows_done(), 0);
  const auto left = journal.history(0).left(partitions_of(4, 25), false);
  EXPECT_EQ(rows_of(left.pieces), (Ranges{{10, 25}, {25, 40}, {70, 75}, {75, 100}}));
  EXPECT_EQ(left.pieces[0].cost, 30.0);  // in proportion to the rows
  EXPECT_EQ(left.pieces[2].id, 2);
}

TEST(TaskHistory, LeavesWholePartitionsWhenAsked) {
  Records journal;
  journal.done({0, 10}).done({50, 75}).done({80, 81}).done({85, 86});
  const auto left = journal.history().left(partitions_of(4, 25), true);
  EXPECT_EQ(rows_of(left.pieces), (Ranges{{0, 25}, {25, 50}, {75, 100}}));
  for (const Partition& piece : left.pieces) EXPECT_EQ(piece.cost, 50.0);
}

/// Random histories: what is left, in whatever list, is what no valid record says is done.
TEST(TaskHistory, LeavesExactlyTheRowsNotDoneWhateverThePartitionsWereThen) {
  constexpr std::int64_t rows = 120;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    ObjectRandom random(seed, 0);
    const auto draw = [&](std::int64_t n) { return static_cast<std::int64_t>(random.next() % static_cast<std::uint32_t>(n)); };
    Records journal;
    std::vector<RowRange> done;  // what counts now
    for (std::int64_t n = draw(25); n > 0; --n) {
      const std::int64_t begin = draw(rows);
      const RowRange range{begin, std::min(rows, begin + 1 + draw(30))};
      switch (draw(6)) {
        case 0:
          journal.add(Event::started, range);
          break;
        case 1:
          journal.failed(range, 1 + static_cast<int>(draw(2)), "f");
          break;
        case 2:
          journal.add(Event::lost, range, 1, "l");
          break;
        case 3:
          journal.session();
          break;
        case 4:
          if (!done.empty()) {
            const RowRange revoked = done[static_cast<std::size_t>(draw(std::ssize(done)))];
            journal.add(Event::revoked, revoked);
            std::erase(done, revoked);
          }
          break;
        default:
          journal.done(range);
          done.push_back(range);
      }
    }
    std::vector<int> is_done(rows, 0), is_left(rows, 0);
    for (const RowRange& range : done) std::fill(is_done.begin() + range.begin, is_done.begin() + range.end, 1);
    const std::int64_t size = 1 + draw(40);
    auto partitions = partitions_of((rows + size - 1) / size, size);
    partitions.back().rows.end = rows;
    const TaskHistory history = journal.history();
    const auto left = history.left(partitions, false);
    const auto count = [&](std::int64_t partition, RowRange range) {
      ASSERT_GT(range.size(), 0);
      ASSERT_EQ(common(range, partitions[static_cast<std::size_t>(partition)].rows), range);
      for (std::int64_t row = range.begin; row < range.end; ++row) ++is_left[static_cast<std::size_t>(row)];
    };
    for (const Partition& piece : left.pieces) count(piece.id, piece.rows);
    for (const Job& job : left.suspects) count(job.first_partition, job.rows);
    for (const auto& [job, message] : left.given_up) count(job.first_partition, job.rows);
    for (std::size_t row = 0; row < rows; ++row) ASSERT_EQ(is_left[row], 1 - is_done[row]) << "seed " << seed << " row " << row;
    ASSERT_EQ(history.rows_done(), std::accumulate(is_done.begin(), is_done.end(), 0)) << "seed " << seed;
  }
}

TEST(TaskHistory, PutsWhatFailedOnceLastAndOnItsOwn) {
  Records journal;
  journal.failed({10, 30}, 1, "bad luck");  // a job of two partitions
  const auto left = journal.history().left(partitions_of(4, 10), false);
  EXPECT_EQ(rows_of(left.pieces), (Ranges{{0, 10}, {30, 40}}));
  ASSERT_EQ(left.suspects.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(left.suspects[i].first_partition, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(left.suspects[i].partition_count, 1);
    EXPECT_EQ(left.suspects[i].attempts, 1);
  }
}

TEST(TaskHistory, GivesUpWhatFailedTooOftenAndKnowsWhy) {
  Records journal;
  journal.failed({10, 30}, 1, "first").failed({20, 30}, Dispatcher::max_attempts, "second").done({10, 20});
  const auto left = journal.history().left(partitions_of(4, 10), false);
  EXPECT_EQ(rows_of(left.pieces), (Ranges{{0, 10}, {30, 40}}));
  EXPECT_TRUE(left.suspects.empty());
  ASSERT_EQ(left.given_up.size(), 1U);
  EXPECT_EQ(left.given_up[0].first.rows, (RowRange{20, 30}));
  EXPECT_EQ(left.given_up[0].first.first_partition, 2);
  EXPECT_EQ(left.given_up[0].second, "second");
}

TEST(TaskHistory, GivesUpOnlyThePartsThatAreNotDone) {
  Records journal;
  journal.done({0, 4}).failed({4, 10}, 1, "x").failed({4, 10}, 2, "x");
  const auto left = journal.history().left(partitions_of(1, 10), false);
  ASSERT_EQ(left.given_up.size(), 1U);
  EXPECT_EQ(left.given_up[0].first.rows, (RowRange{4, 10}));
}

TEST(TaskHistory, CountsAKilledRankAsAnAttempt) {
  Records journal;
  journal.add(Event::started, {0, 10}).add(Event::lost, {0, 10}, 1, "its kernel killed the process");
  EXPECT_EQ(journal.history().left(partitions_of(1, 10), false).suspects.size(), 1U);
  EXPECT_TRUE(journal.history().orphans.empty());
  journal.session().add(Event::started, {0, 10}, 2).add(Event::lost, {0, 10}, 2, "its kernel killed the process");
  EXPECT_EQ(journal.history().left(partitions_of(1, 10), false).given_up.size(), 1U);
}

TEST(TaskHistory, SuspectsWhatWasUnderWayAtTwoDeathsButNotAtOne) {
  Records journal;
  journal.session().add(Event::started, {0, 10}).add(Event::started, {10, 20}).add(Event::done, {10, 20});
  EXPECT_EQ(journal.history().orphans, (Ranges{{0, 10}}));
  EXPECT_TRUE(journal.history().left(partitions_of(3, 10), false).suspects.empty());
  journal.session().add(Event::started, {0, 10}).add(Event::started, {20, 30}).session();
  EXPECT_EQ(journal.history().orphans.size(), 3U);
  const auto left = journal.history().left(partitions_of(3, 10), false);
  EXPECT_EQ(rows_of(left.pieces), (Ranges{{20, 30}}));
  ASSERT_EQ(left.suspects.size(), 1U);
  EXPECT_EQ(left.suspects[0].rows, (RowRange{0, 10}));
  EXPECT_EQ(left.suspects[0].attempts, 0) << "it may be innocent: it has both attempts";
}

TEST(TaskHistory, SuspectsNothingThatEndedInGoodOrder) {
  Records journal;
  for (int i = 0; i < 3; ++i) journal.session().add(Event::started, {0, 10}).add(Event::ended);
  EXPECT_TRUE(journal.history().orphans.empty());
  EXPECT_EQ(journal.history().left(partitions_of(1, 10), false).pieces.size(), 1U);
}

TEST(TaskHistory, DoesAgainWhatWasRevoked) {
  Records journal;
  journal.done({0, 10}).done({10, 20}).add(Event::revoked, {0, 10});
  EXPECT_EQ(journal.history().rows_done(), 10);
  EXPECT_EQ(rows_of(journal.history().left(partitions_of(2, 10), false).pieces), (Ranges{{0, 10}}));
  journal.done({0, 10});
  EXPECT_EQ(journal.history().rows_done(), 20);
}

}  // namespace
}  // namespace skyfold
