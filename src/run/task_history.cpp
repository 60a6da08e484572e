// What is left of a pass after all attempts: rows done, pieces that failed and how often, and pieces that were under way when
// processes died.
#include "task_history.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "skyfold/farm/dispatcher.hpp"

namespace skyfold {
namespace {

constexpr int suspicious_deaths = 2;

/// Cuts ranges at the borders of those that failed, so that their neighbours are not held responsible.
std::vector<RowRange> cut_at(const std::vector<RowRange>& ranges, const std::vector<TaskHistory::Attempt>& failed) {
  std::set<std::int64_t> borders;
  for (const TaskHistory::Attempt& attempt : failed) borders.insert({attempt.rows.begin, attempt.rows.end});
  std::vector<RowRange> cut;
  for (RowRange rest : ranges) {
    for (auto border = borders.upper_bound(rest.begin); border != borders.end() && *border < rest.end; ++border) {
      cut.push_back({rest.begin, *border});
      rest.begin = *border;
    }
    cut.push_back(rest);
  }
  return cut;
}

}  // namespace

TaskHistory::TaskHistory(const std::vector<JournalRecord>& records, int task) {
  std::map<std::pair<std::int64_t, std::int64_t>, int> under_way;
  const auto orphan_all = [&] {
    for (const auto& [rows, rank] : under_way) orphans.push_back({rows.first, rows.second});
    under_way.clear();
  };
  for (const JournalRecord& record : records) {
    // What was under way when a new session began, its processes took along when they died.
    if (record.event == Event::session) orphan_all();
    // In good order: jobs that were given back are no deaths.
    if (record.event == Event::ended) under_way.clear();
    // Who repeats the command gives what failed its attempts back, and what killed processes keeps its deaths.
    if (record.event == Event::retry) failed.clear();
    if (record.task != task) continue;
    const std::pair rows(record.rows.begin, record.rows.end);
    if (record.event == Event::started) under_way[rows] = record.rank;
    if (record.event == Event::done || record.event == Event::failed || record.event == Event::lost) under_way.erase(rows);
    if (record.event == Event::done) done.push_back(record);
    if (record.event == Event::revoked) std::erase_if(done, [&](const JournalRecord& range) { return range.rows == record.rows; });
    if (record.event == Event::failed || record.event == Event::lost) failed.push_back({record.rows, record.attempt, record.message});
  }
  orphan_all();
}

std::int64_t TaskHistory::rows_done() const {
  std::vector<RowRange> ranges;
  std::int64_t end = 0;
  for (const JournalRecord& record : done) {
    ranges.push_back(record.rows);
    end = std::max(end, record.rows.end);
  }
  std::int64_t rows = end;
  // By what is missing: ranges may overlap when a rank that was given up came back.
  for (const RowRange& gap : rows_left({0, end}, std::move(ranges))) rows -= gap.size();
  return rows;
}

TaskHistory::Left TaskHistory::left(const std::vector<Partition>& partitions, bool whole) const {
  Left left;
  if (partitions.empty()) return left;
  std::vector<RowRange> finished;
  for (const JournalRecord& record : done) finished.push_back(record.rows);
  // Both lists are in order of rows, so one walk over them does; partitions of one attempt need not be those of another.
  const auto gaps = cut_at(rows_left({partitions.front().rows.begin, partitions.back().rows.end}, std::move(finished)), failed);
  std::size_t gap = 0;
  for (const Partition& partition : partitions) {
    if (partition.rows.size() == 0) continue;
    while (gap < gaps.size() && gaps[gap].end <= partition.rows.begin) ++gap;
    for (std::size_t g = gap; g < gaps.size() && gaps[g].begin < partition.rows.end; ++g) {
      Partition piece = partition;
      if (!whole) piece.rows = common(partition.rows, gaps[g]);
      // As if the cost were spread evenly over the rows: it only decides the order.
      piece.cost = partition.cost * static_cast<double>(piece.rows.size()) / static_cast<double>(partition.rows.size());
      const Job job{0, piece.id, 1, piece.rows};
      const auto overlaps = [&](RowRange rows) { return common(rows, piece.rows).size() > 0; };
      std::int64_t attempts = 0;
      std::string message;
      // Pieces may have been cut otherwise in each attempt: what overlaps counts.
      for (const Attempt& attempt : failed)
        if (overlaps(attempt.rows) && attempt.count > attempts) {
          attempts = attempt.count;
          message = attempt.message;
        }
      // Under way at one death is bad luck, at two it may be the cause: then it goes alone, at the end.
      const bool is_suspect = std::count_if(orphans.begin(), orphans.end(), overlaps) >= suspicious_deaths;
      if (attempts >= Dispatcher::max_attempts)
        left.given_up.emplace_back(job, message);
      else if (attempts > 0 || is_suspect)
        left.suspects.push_back({0, piece.id, 1, piece.rows, attempts});
      else
        left.pieces.push_back(piece);
      // A bucket is done as a whole or not at all, so one gap in it is enough.
      if (whole) break;
    }
  }
  return left;
}

}  // namespace skyfold
